"""What was deployed, as a package URL: the `artifactId` of CDEvents. Pure; nothing is looked up.

A digest stands in it only where the image was named by one: a tag says what was asked for, not
what came.
"""

from urllib.parse import quote

_KEPT = "/:"
"""Characters of a repository that stand unescaped in a qualifier."""


def purl_of_image(image: str) -> str:
    """Write a container image, `[REGISTRY/]NAME[:TAG][@DIGEST]`, as a purl of type `oci`."""
    named, _, digest = image.partition("@")
    path, _, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    repository = f"{path}/{name}" if path else name
    version = f"@{quote(digest, safe='')}" if digest else ""
    tagged = f"&tag={quote(tag, safe='')}" if tag else ""
    where = quote(repository, safe=_KEPT)
    return f"pkg:oci/{quote(name.lower(), safe='')}{version}?repository_url={where}{tagged}"


def purl_of_version(service: str, version: str) -> str:
    """Write a version of a service whose image isn't known: all that can be said of it."""
    return f"pkg:generic/{quote(service, safe='')}@{quote(version, safe='')}"
