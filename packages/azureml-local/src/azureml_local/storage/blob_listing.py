"""The XML list of a container's blobs: by prefix, with delimiter, in pages."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from starlette.requests import Request
from starlette.responses import Response

from azureml_local.errors import BadRequest
from azureml_local.state import State
from azureml_local.storage import blob_files
from azureml_local.storage.blob_files import META, Blob

MOST_LISTED = 5000


def list_blobs(state: State, root: Path, request: Request) -> Response:
    """List the blobs of a container by prefix; a delimiter groups them by folder."""
    query = request.query_params
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
    top, after = _number(query.get("maxresults")), query.get("marker", "")
    document = ElementTree.Element("EnumerationResults", ContainerName=root.name)
    for tag, key in (("Prefix", "prefix"), ("Marker", "marker"), ("MaxResults", "maxresults")):
        if query.get(key):  # clients repeat these values to get the next page
            ElementTree.SubElement(document, tag).text = query[key]
    if delimiter:
        ElementTree.SubElement(document, "Delimiter").text = delimiter
    items = ElementTree.SubElement(document, "Blobs")
    listed: set[str] = set()
    following = ""
    for name in blob_files.list_names(root, prefix):
        first, group, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        entry = prefix + first + group if group else name
        if entry <= after or entry in listed:
            continue
        if len(listed) == top:
            following = max(listed)
            break
        listed.add(entry)
        if group:
            node = ElementTree.SubElement(items, "BlobPrefix")
            ElementTree.SubElement(node, "Name").text = entry
        else:
            account = request.path_params["account"]
            path = f"{root.name}/{name}" if "container" in request.path_params else name
            _blob_node(state, items, Blob(account, path, root / name), name)
    ElementTree.SubElement(document, "NextMarker").text = following
    return Response(
        ElementTree.tostring(document, "utf-8", xml_declaration=True), media_type="application/xml"
    )


def _number(text: str | None) -> int:
    """The maximum number of results; Azure's limit by default.

    Raises:
        BadRequest: the text is not a positive number.
    """
    if text is None:
        return MOST_LISTED
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MOST_LISTED:
        raise BadRequest(f"maxresults: {text!r} is out of range", "OutOfRangeQueryParameterValue")
    return int(text)


def _blob_node(state: State, items: ElementTree.Element, blob: Blob, name: str) -> None:
    try:
        headers, size = blob_files.headers(state, blob), blob.path.stat().st_size
    except FileNotFoundError:
        return  # deleted in the meantime
    node = ElementTree.SubElement(items, "Blob")
    ElementTree.SubElement(node, "Name").text = name
    properties = ElementTree.SubElement(node, "Properties")
    for tag, value in (
        ("Content-Length", str(size)),
        ("Content-Type", headers["content-type"]),
        ("BlobType", "BlockBlob"),
        ("Last-Modified", headers["last-modified"]),
        ("Etag", headers["etag"].strip('"')),
    ):
        ElementTree.SubElement(properties, tag).text = value
    metadata = ElementTree.SubElement(node, "Metadata")
    for key in sorted(key for key in headers if key.startswith(META)):
        ElementTree.SubElement(metadata, key.removeprefix(META)).text = headers[key]
