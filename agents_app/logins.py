"""A limit to guessing passwords: by the address that guesses, so that nobody can lock an agent out from elsewhere."""

import functools
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sessions_app import throttles

View = Callable[..., HttpResponse]


def limited(login: View) -> View:
    """A login view that refuses an address with 429 once CHAT_LOGIN_RATES wrong passwords have come from it."""

    @functools.wraps(login)
    def view(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST":
            return login(request, *args, **kwargs)
        address = throttles.client_address(request.META.get("REMOTE_ADDR"), request.headers.get("X-Forwarded-For", ""))
        # Counted before the answer is known, and taken back when it was right: many guesses at once count as many.
        [wait] = throttles.take("login", [address], settings.CHAT_LOGIN_RATES)
        if wait:
            minutes = -(-wait // 60_000)
            response = render(request, "agents_app/too_many_logins.html", {"minutes": minutes}, status=429)
            response["Retry-After"] = -(-wait // 1000)
            return response
        is_wrong = False
        try:
            response = login(request, *args, **kwargs)
            is_wrong = response.status_code == HTTPStatus.OK  # the form again, with what is wrong
        finally:
            # Also when the database failed: nobody has guessed anything.
            if not is_wrong:
                throttles.give_back("login", address)
        return response

    return view
