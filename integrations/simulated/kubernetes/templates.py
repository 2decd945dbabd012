"""The hash by which pods of one template know each other."""

import hashlib
import json

from integrations.simulated.kubernetes.objects import Object


def template_hash(template: Object) -> str:
    """Hash a template: equal for equal content."""
    text = json.dumps(template, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
