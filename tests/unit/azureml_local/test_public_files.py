import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from azureml_local.errors import BadRequest, NotSupported
from azureml_local.public_files import PublicFiles

SIGNATURE = "sig=c2VjcmV0"


@pytest.fixture
def site():
    """The address of a server, and the paths of its requests."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_response(403 if "forbidden" in self.path else 200)
            self.send_header("Content-Length", "100" if "short" in self.path else "5")
            self.end_headers()
            self.wfile.write(b"a,b\n1")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_address_is_downloaded_once(site, tmp_path):
    address, paths = site
    files = PublicFiles.parse(tmp_path, True, ())
    first = files.locate(f"{address}/rows.csv?{SIGNATURE}", "inputs.rows")
    assert (first.name, first.read_bytes()) == ("rows.csv", b"a,b\n1")
    assert files.locate(f"{address}/rows.csv?{SIGNATURE}", "inputs.rows") == first
    assert paths == [f"/rows.csv?{SIGNATURE}"]


@pytest.mark.parametrize("name", ["short.csv", "forbidden.csv"])
def test_a_failed_download_leaves_no_file_and_its_error_no_signature(site, tmp_path, name):
    files = PublicFiles.parse(tmp_path, True, ())
    with pytest.raises(BadRequest) as caught:
        files.locate(f"{site[0]}/{name}?{SIGNATURE}", "inputs.rows")
    assert name in caught.value.message
    assert SIGNATURE not in caught.value.message
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("address", ["https://h:99999/a", "https://user:p4ss@[/a", "https://"])
def test_an_invalid_address_is_an_error_of_the_request(tmp_path, address):
    with pytest.raises(BadRequest) as caught:
        PublicFiles.parse(tmp_path, True, ()).locate(address, "inputs.rows")
    assert "p4ss" not in caught.value.message


def test_a_refused_address_is_named_without_its_signature_and_password(tmp_path):
    with pytest.raises(NotSupported) as caught:
        PublicFiles.parse(tmp_path, False, ()).locate(
            f"https://user:p4ss@h/rows.csv?{SIGNATURE}", "inputs.rows"
        )
    assert "https://h/rows.csv" in caught.value.message
    assert SIGNATURE not in caught.value.message
    assert "p4ss" not in caught.value.message


def test_a_mapped_folder_has_names_with_spaces_and_takes_signed_addresses(tmp_path):
    (tmp_path / "my rows.csv").touch()
    files = PublicFiles.parse(tmp_path, False, (f"https://h/demo={tmp_path}",))
    for query in ("", f"?{SIGNATURE}"):
        located = files.locate(f"https://h/demo/my%20rows.csv{query}", "inputs.rows")
        assert located == tmp_path / "my rows.csv"
    with pytest.raises(BadRequest):
        files.locate("https://h/demo/%2e%2e/other.csv", "inputs.rows")
