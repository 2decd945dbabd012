"""Why evidence is not taken: what happened, with which value, what to do. Reason codes besides."""

from bot.domain.reasons import Reason
from bot.errors import UserError


def no_service(service: str) -> UserError:
    """The catalogue has no such service."""
    return UserError(
        f'The catalogue has no service "{service}". Submit under the name that it has there.',
        Reason.EVIDENCE_NO_SUBJECT,
    )


def no_version(service: str, version: str, tag: str) -> UserError:
    """There is no tag for the version."""
    return UserError(
        f"{service} has no tag {tag} for version {version}. Push the tag, then submit again.",
        Reason.EVIDENCE_NO_SUBJECT,
    )


def sender(service: str, why: str) -> UserError:
    """The catalogue takes evidence from elsewhere only."""
    return UserError(
        f"Evidence for {service} is not taken from here: {why}. "
        f"services.{service}.evidence in the catalogue says from where it is.",
        Reason.EVIDENCE_SENDER_REFUSED,
    )


def token_unknown() -> UserError:
    """It is nobody's token; whose it was not is not said."""
    return UserError(
        "The token is none of this service's. Send the one that the catalogue names in "
        "evidence.tokens, or a GitHub Actions OIDC token.",
        Reason.EVIDENCE_TOKEN_INVALID,
    )


def elsewhere(service: str, version: str, why: str) -> UserError:
    """The run was not at the version's commit."""
    return UserError(
        f"This is no evidence for {service} {version}: {why}. Run the workflow at the tag.",
        Reason.EVIDENCE_OTHER_COMMIT,
    )
