"""Bearer tokens and agent keys: made, used, revoked. Raw values leave this module once."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.common.errors import ConflictError, InvalidInputError
from apps.common.ids import digest, new_secret, random_text
from apps.tokens.models import AgentKey, ApiToken
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.plans import ensure_room
from apps.workspaces.usage import limits_in_force, register_counter

PREFIX = "dm_live_"
LONGEST_DAYS = 3650
# A token's last use is worth knowing to the minute, not at the price of a write per request.
USE_RESOLUTION = timedelta(minutes=1)
# About 95 bits, in the alphabet that agents of nodes have always been given.
GENERATED_LENGTH = 16
NO_TIME = timedelta(0)


@transaction.atomic
def create_api_token(
    *,
    workspace: Workspace,
    seat: Membership | None,
    label: str,
    access: str,
    expires_in_days: int | None,
    now: datetime,
    enforce_plan: bool = True,
) -> tuple[ApiToken, str]:
    """Make a bearer token; answers the row and the raw value, of which only the SHA-256 is kept."""
    fields = {}
    if not label.strip() or len(label.strip()) > 80:
        fields["label"] = "A label of 1 to 80 characters."
    if access not in ApiToken.Access.values:
        fields["accessLevel"] = "One of read_only, read_write."
    if expires_in_days is not None and not 1 <= expires_in_days <= LONGEST_DAYS:
        fields["expiresInDays"] = f"1 to {LONGEST_DAYS} days, or null for no expiry."
    if fields:
        raise InvalidInputError(fields=fields)
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    if enforce_plan:
        ensure_room("apiTokens", used=count_tokens(workspace.pk), limits=limits_in_force(workspace, now=now))
    raw = new_secret(PREFIX)
    token = ApiToken.objects.create(
        workspace=workspace,
        seat=seat,
        label=label.strip(),
        prefix=raw[:12],
        hash=digest(raw),
        access=access,
        created_at=now,
        expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
    )
    return token, raw


@transaction.atomic
def revoke_api_token(*, token: ApiToken, now: datetime) -> None:
    """End a token at once. The row stays, so that its next use is told apart from a token that never was."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)


def note_use(*, token: ApiToken, now: datetime) -> None:
    """Remember that a token was used, at most once a minute."""
    if token.last_used_at is None or token.last_used_at <= now - USE_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


@transaction.atomic
def renew_agent_key(
    *, workspace: Workspace, subject: AgentKey.Subject, subject_id: int, prefix: str, now: datetime
) -> str:
    """Give a subject a fresh key and answer it; the older key is dead from this transaction on."""
    raw = new_secret(prefix, size=20)
    # One row per subject, updated under its lock: of two renewals at once the later one counts.
    AgentKey.objects.update_or_create(
        workspace=workspace,
        subject=subject,
        subject_id=subject_id,
        valid_until=None,
        defaults={"hash": digest(raw), "secret": raw, "generated": True, "created_at": now},
    )
    return raw


@transaction.atomic
def set_agent_key(
    *,
    workspace: Workspace | int,
    subject: AgentKey.Subject,
    subject_id: int,
    secret: str | None = None,
    overlap: timedelta = NO_TIME,
    now: datetime,
) -> str:
    """Give a subject a secret people chose, or 16 random letters and digits; answers it.

    The key before ends now, or after an overlap in which both count. ConflictError (`duplicate_secret`) when another
    subject of the workspace has the chosen one; nothing is changed then.
    """
    raw = secret or random_text(GENERATED_LENGTH)
    workspace_id = workspace if isinstance(workspace, int) else workspace.pk
    mine = AgentKey.objects.of(workspace_id).filter(subject=subject, subject_id=subject_id)
    list(mine.select_for_update().order_by("pk"))
    # A key that comes back is the key in force again, not a second row.
    mine.filter(Q(valid_until__lte=now) | Q(hash=digest(raw))).delete()
    if overlap > NO_TIME:
        mine.filter(valid_until__isnull=True).update(valid_until=now + overlap)
    else:
        mine.delete()
    try:
        with transaction.atomic():
            AgentKey.objects.create(
                workspace_id=workspace_id,
                subject=subject,
                subject_id=subject_id,
                hash=digest(raw),
                secret=raw,
                generated=secret is None,
                created_at=now,
            )
    except IntegrityError:
        raise ConflictError("Another node has this secret.", code="duplicate_secret") from None
    return raw


def drop_agent_key(*, workspace: Workspace | int, subject: AgentKey.Subject, subject_id: int) -> None:
    """End a subject's key: whoever still sends with it is a stranger from now on."""
    AgentKey.objects.of(workspace).filter(subject=subject, subject_id=subject_id).delete()


def count_tokens(workspace_id: int) -> int:
    """Tokens that are listed: everything not revoked."""
    return int(ApiToken.objects.of(workspace_id).filter(revoked_at__isnull=True).count())


register_counter("apiTokens", count_tokens)
