"""Access: who somebody is (an immutable directory snapshot) and what they may do (Cedar policies, decisions with reasons)."""
