"""Models and the software around them: audited, admitted, guarded."""
