from apps.common.errors import InvalidInputError


class ForbiddenTargetError(InvalidInputError):
    """A target that may not be reached from here, or a spelling that nobody should trust."""
