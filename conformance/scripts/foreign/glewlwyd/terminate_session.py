#!/usr/bin/env python3
"""Ends one session at glewlwyd without its browser: `terminate_session.py SID`, with the `sid` of an ID Token. Standard library only.

glewlwyd lets a user end sessions of their own, and nobody those of others, so this asks as each of the users that seed.py made.
It is what its own page does at the end of a logout: the clients are told and their tokens are dead; the browser stays signed in.
"""
import http.cookiejar
import json
import os
import sys
import urllib.request

api = f"http://127.0.0.1:{os.environ.get('PORT', '4400')}/api"
sid = sys.argv[1]
for name in ("alice", "bob"):
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    person = json.dumps({"username": name, "password": f"{name}'s password"}).encode()
    browser.open(urllib.request.Request(f"{api}/auth/", person, {"Content-Type": "application/json"}))
    browser.open(urllib.request.Request(f"{api}/oidc/session/{sid}", method="DELETE"))
