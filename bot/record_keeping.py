"""From the settings to how the record's checkpoints are made. Used by `app` and `record_cli`."""

from bot.engine.checkpoints import CheckpointFile, Keeping
from bot.engine.signing import Signer
from bot.settings import Settings, revealed
from integrations import checkpoint_file


def keeping_of(settings: Settings) -> Keeping | None:
    """Give what checkpoints need; None where no key is set. Raises KeyFault for what is none."""
    pem = revealed(settings.audit_signing_key)
    if pem is None:
        return None
    return Keeping(Signer(pem), settings.audit_checkpoint_entries, file_of(settings))


def file_of(settings: Settings) -> CheckpointFile | None:
    """Give the file that checkpoints are added to, where one is set."""
    path = settings.audit_checkpoint_file
    if path is None:
        return None
    return CheckpointFile(
        name=str(path),
        read=lambda: checkpoint_file.read(path),
        append=lambda text: checkpoint_file.append(path, text),
    )
