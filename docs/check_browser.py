"""Read the built site in a real browser, and fail on whatever a reader would stumble over.

    python docs/check_browser.py docs/_build/html [--screenshots folder] [--all]

Serves the site on this machine and loads its pages in headless Chromium, at the widths of a telephone and of a desk:
no error on the console, no missing resource, nothing from another server, no horizontal scrolling; and the search finds
`conv_transpose2d`. Needs Chromium (`apt-get install chromium`) and the package websocket-client.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import websocket

PAGES = (
    "index.html",
    "tutorial.html",
    "conventions.html",
    "auto_examples/index.html",
    "auto_examples/plot_01_matrix.html",
    "api/index.html",
    "api/generated/npconvt.conv_transpose2d.html",
)
WIDTHS = (390, 1280)
WANTED = "conv_transpose2d"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
PATIENCE = 30.0  # seconds, for what takes much less than one


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Tab:
    """A page of the browser, spoken to by the DevTools protocol."""

    def __init__(self, address: str) -> None:
        self.socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                return dict(message.get("result", {}))
            self.events.append(message)

    def value(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression: str) -> bool:
        """Wait for an expression to become true."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.value(expression):
                return True
            time.sleep(0.1)
        return False

    def load(self, url: str, width: int) -> None:
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)
        self.until(f"document.readyState == 'complete' && location.href.startsWith({json.dumps(url)})")
        time.sleep(0.3)  # what scripts ask for after loading
        self.value("0")  # and the events of it

    def screenshot(self, path: Path) -> None:
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=False)
        path.write_bytes(base64.b64decode(shot["data"]))


def complaints(tab: Tab, server: str) -> list[str]:
    """Return what went wrong while a page was loaded."""
    found = []
    for event in tab.events:
        method, params = event.get("method", ""), event.get("params", {})
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            found.append(f"console: {params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            found.append(f"exception: {params['exceptionDetails']['text']}")
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            found.append(f"console: {[argument.get('value') for argument in params['args']]}")
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            found.append(f"status {params['response']['status']}: {params['response']['url']}")
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            found.append(f"not loaded: {params['errorText']}")
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith((server, "data:", "blob:")):
                found.append(f"from another server: {url}")
    wide, seen = tab.value("document.documentElement.scrollWidth"), tab.value("window.innerWidth")
    if wide > seen:
        found.append(f"horizontal scrolling: {wide} pixels wide in a window of {seen}")
    return found


def check(
    tab: Tab, server: str, pages: Sequence[str], note: Callable[[str, list[str]], None], shots: Path | None
) -> None:
    for page, width in itertools.product(pages, WIDTHS):
        tab.load(f"{server}/{page}", width)
        note(f"{page} at {width}", complaints(tab, server))
        if shots:
            tab.screenshot(shots / f"{page.replace('/', '_').removesuffix('.html')}-{width}.png")
    tab.load(f"{server}/search.html?q={WANTED}", WIDTHS[-1])
    found = tab.until(f"[...document.querySelectorAll('#search-results a')].some(a => a.href.includes('{WANTED}'))")
    note(f"search for {WANTED}", complaints(tab, server) + ([] if found else ["no result links to it"]))
    if shots:
        tab.screenshot(shots / "search.png")


def browse(browser: str, folder: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start the browser; return it and the address of its page."""
    process = subprocess.Popen(
        [browser, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    port_file, end = Path(folder, "DevToolsActivePort"), time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if port_file.exists() and port_file.read_text(encoding="ascii").count("\n"):
            port = port_file.read_text(encoding="ascii").split()[0]
            with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [target for target in json.load(answer) if target["type"] == "page"]
            if pages:
                return process, pages[0]["webSocketDebuggerUrl"]
        time.sleep(0.1)
    process.kill()
    sys.exit("the browser did not start")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("chromium-browser"))
    parser.add_argument("--all", action="store_true", help="every page of the site, in place of one of each kind")
    options = parser.parse_args()
    if options.browser is None:
        sys.exit("Chromium is not installed: apt-get install chromium, or say where with --browser")
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    failed = []

    def note(what: str, wrong: list[str]) -> None:
        print(f"{'FAILED' if wrong else 'ok':7}{what}", *wrong, sep="\n       " if wrong else "")
        failed.extend(wrong)

    found = sorted(path.relative_to(options.site).as_posix() for path in options.site.rglob("*.html"))
    pages = [name for name in found if not name.startswith(("_static", "search"))] if options.all else PAGES
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(options.site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process, address = browse(options.browser, folder)
        try:
            check(Tab(address), f"http://127.0.0.1:{server.server_port}", pages, note, options.screenshots)
        finally:
            process.terminate()
            process.wait()
            server.shutdown()
    print(f"{len(failed)} complaints")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
