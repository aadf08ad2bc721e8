"""As much of a browser as Django Admin needs: cookies, redirects, forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

TIMEOUT_SECONDS = 60

Fields = dict[str, list[str]]
Changes = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Page:
    """What a URL answered, after redirects."""

    status: int
    url: str
    text: str

    @property
    def fields(self) -> Fields:
        """What submitting the page's forms untouched would send, buttons aside."""
        reader = _FormReader()
        reader.feed(self.text)
        return reader.fields


class Browser:
    """A visitor with a cookie jar of their own, on the site at `url`."""

    def __init__(self, url: str) -> None:
        """Start with no cookies."""
        self.url = url
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Page:
        """Follow a link; an error page is an answer too."""
        return self._open(Request(urljoin(self.url, path)))  # noqa: S310 - our own site

    def post(self, path: str, changes: Changes, *, to: str = "") -> Page:
        """Load the form at `path`, fill in `changes` over what it says, and send it.

        The hidden fields, the CSRF token among them, go with it. `to` is the form's
        action where that is another address.
        """
        page = self.get(path)
        assert page.status == 200, f"{page.status} {page.url}\n{page.text[:2000]}"
        body = urlencode({**page.fields, **changes}, doseq=True).encode()
        target = urljoin(page.url, to)
        return self._open(Request(target, data=body))  # noqa: S310 - our own site

    def log_in(self, username: str, password: str) -> Page:
        """Log in as a visitor does who was sent to the login page."""
        return self.post("/admin/", {"username": username, "password": password})

    def _open(self, request: Request) -> Page:
        try:
            answer = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except HTTPError as error:
            answer = error
        with answer:
            return Page(answer.status, answer.url, answer.read().decode())


@dataclass
class _FormReader(HTMLParser):
    """Collects the values of a page's inputs, selections and text areas."""

    fields: Fields = field(default_factory=dict)
    _name: str = ""
    _text: str | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "input":
            self._take_input(values)
        elif tag == "select":
            self._name = values.get("name", "")
        elif tag == "option" and "selected" in values:
            self._take(self._name, values.get("value", ""))
        elif tag == "textarea":
            self._name, self._text = values.get("name", ""), ""

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            # HTML drops the line break that Django writes after the opening tag.
            self._take(self._name, self._text.removeprefix("\r\n").removeprefix("\n"))
            self._text = None

    def _take_input(self, values: dict[str, str]) -> None:
        kind = values.get("type", "text")
        if kind in {"submit", "button", "image", "reset", "file"}:
            return
        is_box = kind in {"checkbox", "radio"}
        if is_box and "checked" not in values:
            return
        self._take(values.get("name", ""), values.get("value", "on" if is_box else ""))

    def _take(self, name: str, value: str) -> None:
        if name:
            self.fields.setdefault(name, []).append(value)
