"""Twisted's reactor for daphne, on uvloop. It must be imported before whatever names the reactor: daphne would install
its own, on asyncio's slower loop."""

import uvloop
from twisted.internet import asyncioreactor

asyncioreactor.install(uvloop.new_event_loop())
