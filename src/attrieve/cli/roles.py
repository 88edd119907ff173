"""The roles as the command line knows them, before the service's packages are loaded."""

from enum import StrEnum


class RoleName(StrEnum):
    """What somebody does with the service; the same names as :class:`attrieve.serving.access.roles.Role`."""

    SEARCHER = "searcher"
    CURATOR = "curator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
