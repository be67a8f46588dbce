"""What keeps no deployment from starting, and is said of one that is checked."""

from __future__ import annotations

from wardstead.adapters.store.level_names import stored_level_names
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import others_write
from wardstead.kernel.labels import Levels


def levels_without_meaning(deployment: Deployment, levels: Levels) -> list[str]:
    """Of each stored level that is neither a level nor an alias of a classification policy: who has it, and what helps."""
    if not deployment.shared and not deployment.places.database.exists():
        return []
    means = {
        "people": "they are cleared for public alone: give it an alias, or 'wardstead user set-clearance'",
        "conversations": "nobody is cleared for them: give it an alias",
        "documents": "nobody is cleared for them: give it an alias",
    }
    return [
        f"{many} {what} have the level {name!r}, which is no level of the classification policy and no alias; {means[what]}"
        for what, names in stored_level_names(deployment.engine).items()
        for name, many in sorted(names.items())
        if not levels.has(name)
    ]


def written_by_others(deployment: Deployment) -> list[str]:
    """The settings, policies and dictionaries, and folders of them, that others than their owner may write."""
    folder = deployment.places.policies
    return [str(path) for path in (deployment.places.config, folder, *sorted(folder.rglob("*"))) if others_write(path)]
