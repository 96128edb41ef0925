#!/usr/bin/env python3
"""Walks a browser through glewlwyd's pages, which are one script over a JSON API, by making that script's calls.

The `command` login driver: one JSON object on stdin, one on stdout; `../PROTOCOL.md` documents both. Standard library only.
What the page does was read off the page's own requests; the HTML itself is fetched, so that it is in the record, and not run.
"""
import html.parser
import http.cookiejar
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def now():
    return time.time_ns() // 1_000_000


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: it has to be in the record."""

    def redirect_request(self, *_):
        return None


class Browser:
    def __init__(self, cookies_file):
        # Session cookies are kept as well: the browser stays open between two walks.
        self.jar = http.cookiejar.MozillaCookieJar(cookies_file)
        if os.path.exists(cookies_file):
            self.jar.load(ignore_discard=True)
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), Stay)
        self.exchanges = []

    def ask(self, method, url, body=None, headers=()):
        request = urllib.request.Request(url, body, {"Accept": "text/html,*/*;q=0.5", **dict(headers)}, method=method)
        sent = now()
        try:
            answer = self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        answer.text = answer.read().decode(errors="replace")
        self.exchanges.append({
            "method": method, "url": url, "request_headers": request.header_items(), "request_body": (body or b"").decode(),
            "status": answer.status, "headers": answer.headers.items(), "body": answer.text, "sent": sent, "answered": now(),
        })
        return answer

    def api(self, method, url, body=None):
        data = None if body is None else json.dumps(body).encode()
        return self.ask(method, url, data, {"Content-Type": "application/json", "Accept": "application/json"})


class FormPost(html.parser.HTMLParser):
    """The one form of a form_post page: where it goes and what it carries."""

    action, fields = None, ()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action, self.fields = attributes.get("action"), []
        elif tag == "input" and self.action and attributes.get("name"):
            self.fields.append((attributes["name"], attributes.get("value") or ""))


class Walk:
    def __init__(self, order):
        self.order = order
        self.browser = Browser(order["cookies_file"])
        self.home = urllib.parse.urljoin(order["url"], "/")

    def run(self):
        form = self.order.get("form")
        pairs = form if form is None or isinstance(form, dict) else [tuple(pair) for pair in form]
        body, headers = (None, {}) if form is None else (urllib.parse.urlencode(pairs).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        answer, url = self.browser.ask(self.order.get("method", "GET"), self.order["url"], body, headers), self.order["url"]
        for _ in range(20):
            location = answer.headers.get("Location")
            if location is None:
                return self.page(answer, url)
            url = urllib.parse.urljoin(url, location)
            if not url.startswith(self.home):
                return {"landed": "left", "location": url}
            answer = self.browser.ask("GET", url)
            page = urllib.parse.urlsplit(url)
            if page.path.endswith("/login.html"):
                landed = self.script(urllib.parse.urljoin(url, "api"), dict(urllib.parse.parse_qsl(page.query)))
                if isinstance(landed, dict):
                    return {**landed, "location": url}
                if not landed.startswith(self.home):
                    return {"landed": "left", "location": landed}
                url = landed
                answer = self.browser.ask("GET", url)
        sys.exit(f"no end after twenty pages, the last one {url}")

    def page(self, answer, url):
        form = FormPost()
        form.feed(answer.text)
        if answer.status == 200 and form.action and not urllib.parse.urljoin(url, form.action).startswith(self.home):
            return {"landed": "left", "location": form.action, "form": form.fields}
        return {"landed": "error" if answer.status >= 400 else "page", "location": url}

    def script(self, api, page):
        """What login.html would do: the address that it goes to, or where the walk ends."""
        prompt = page.get("prompt")
        if prompt in ("end_session", "single_logout"):
            return self.end_session(api, page)
        if prompt and prompt.startswith("device"):
            return {"landed": "enter_code"}

        people = json.loads(self.browser.api("GET", f"{api}/profile_list").text or "[]")
        asks = not people or "refresh_login" in page or prompt in ("login", "select_account")
        if asks:
            if not self.order.get("username"):
                return {"landed": "select_account" if people and prompt == "select_account" else "login"}
            person = {"username": self.order["username"], "password": self.order["password"]}
            if self.browser.api("POST", f"{api}/auth/", person).status != 200:
                return {"landed": "login"}
        granted = self.grant(api, page)
        if granted is not None:
            return granted
        callback = page["callback_url"]
        return callback + ("&" if "?" in callback else "?") + "g_continue"

    def grant(self, api, page):
        """The scopes that the client asks for; None when all are granted, else where the walk ends."""
        client = urllib.parse.quote(page["client_id"], safe="")
        asked = self.browser.api("GET", f"{api}/auth/grant/{client}/{urllib.parse.quote(page['scope'])}")
        scopes = json.loads(asked.text).get("scope", []) if asked.status == 200 else []
        if all(scope["granted"] for scope in scopes) and page.get("prompt") != "consent":
            return None
        # The page has no button that says no to the client: who does not agree leaves it.
        if not self.order.get("username") or self.order.get("decide") == "deny":
            return {"landed": "consent"}
        self.browser.api("PUT", f"{api}/auth/grant/{client}", {"scope": " ".join(scope["name"] for scope in scopes)})
        return None

    def end_session(self, api, page):
        """`end_session` has the session of a hint; `single_logout`, without a valid hint, offers to sign this browser out."""
        decide = self.order.get("decide", "yes")
        if decide == "leave":
            return {"landed": "confirm"}
        if page["prompt"] == "single_logout":
            if decide == "no":
                return {"landed": "page"}
            self.browser.api("DELETE", f"{api}/profile/session/")
            self.browser.api("DELETE", f"{api}/auth/")
            return page.get("callback_url") or {"landed": "signed_out"}
        session = f"{api}/{page['plugin']}/session/{page['sid']}"
        back = f"?post_redirect_to={urllib.parse.quote(page['post_redirect_to'], safe='')}" if "post_redirect_to" in page else ""
        known = json.loads(self.browser.api("GET", f"{session}/{page['client_id']}{back}").text or "{}")
        if decide == "yes":
            if self.browser.api("DELETE", session).status != 200:
                return {"landed": "error"}
            self.browser.api("DELETE", f"{api}/auth/")
        if known.get("post_redirect_to"):
            return page["callback_url"]
        return {"landed": "signed_out" if decide == "yes" else "page"}


def main():
    walk = Walk(json.load(sys.stdin))
    landed = walk.run()
    walk.browser.jar.save(ignore_discard=True)
    json.dump({**landed, "exchanges": walk.browser.exchanges}, sys.stdout)


if __name__ == "__main__":
    main()
