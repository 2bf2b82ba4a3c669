"""The console's socket, /ws/agent/."""

from uuid import UUID

from django.conf import settings

from agents_app import protocol, selectors, services
from agents_app.consoles import consoles
from agents_app.models import Availability
from agents_app.selectors import Rights
from sessions_app import events, origins
from sessions_app import selectors as chats
from sessions_app import services as chat_services
from sessions_app.errors import ChatError, SessionNotFound
from sessions_app.hub import Frame
from sessions_app.models import ChatSession, Party
from sessions_app.protocol import CLOSE_NOT_FOUND, clean_text
from sessions_app.serializers import pulse_payload, timestamp
from sessions_app.services import Post
from sessions_app.sockets import FrameConsumer

SNAPSHOT_LIMIT = 100
HEARTBEAT_INTERVAL_MS = 30_000
DISCONNECT_TIMEOUT_MS = 120_000

TO_THE_CLIENT = {
    events.MESSAGE_NEW,
    events.SESSION_CHANGED,
    events.SESSION_PRESENCE,
    events.SESSION_EXPIRING,
    events.NOTE_NEW,
    events.TRAIL_NEW,
    events.HOLD_NEW,
    events.TYPING,
    events.READ,
    events.AGENT_CHANGED,
    events.OFFLINE_CHANGED,
}


class AgentConsumer(FrameConsumer):
    def __init__(self) -> None:
        self.login = ""
        self.rights: Rights | None = None
        self.opened: ChatSession | None = None
        self.is_used = False  # since the last beat
        self.state = ""
        self.consoles = consoles.current()

    async def may_connect(self) -> bool:
        """Browsers send the login cookie with a socket that any page opens: only pages of ours may."""
        if not origins.is_own(origins.header(self.scope, b"origin"), origins.header(self.scope, b"host")):
            return False
        self.login = origins.cookie(self.scope, settings.SESSION_COOKIE_NAME)
        self.rights = (await self.in_thread(selectors.rights_of_logins, [self.login])).get(self.login)
        return self.rights is not None

    def left(self) -> None:
        self.consoles.leave(self)
        for group in self._groups(self.rights):
            self.hub.leave(self, group)
        self._close_chat()

    def handle_event(self, frame: Frame) -> None:
        if frame.name == events.TYPING and frame.message_key == events.typing_key(self.rights.user_id):
            return
        if frame.name in TO_THE_CLIENT:
            self.send_text(frame.text)
        elif frame.name == events.RIGHTS_CHANGED:
            self.consoles.ring_for_rights()
        elif frame.name == events.QUEUE_GREW:
            self.consoles.ring_for_queue()

    @staticmethod
    def _groups(rights: Rights) -> set[str]:
        return {
            events.rights_group(rights.user_id),
            *(events.tenant_group(tenant_id) for tenant_id in rights.tenant_ids),
            *(events.agent_group(rights.user_id, tenant_id) for tenant_id in rights.tenant_ids),
        }

    async def renew(self, rights: Rights | None) -> None:
        """Also a logout or another password ends this socket."""
        if rights is None:
            self.close(CLOSE_NOT_FOUND)
            return
        before, self.rights = self.rights, rights
        # First: a chat may have been opened by the rights of before, while these were on their way.
        if self.opened is not None and self.opened.tenant_id not in rights.tenant_ids:
            self._close_chat()
        if rights == before:
            return
        for group in self._groups(before) - self._groups(rights):
            self.hub.leave(self, group)
        await self._greet()

    async def hello(self, command: protocol.Hello) -> None:
        """May be said again: recovery is the start-up path."""
        await self._greet()
        self.is_admitted = True
        self.consoles.enter(self)

    async def _greet(self) -> None:
        self.hold_events()
        try:
            await self.hub.join(self, *self._groups(self.rights))
            self.send_frame("agent.ready", await self.in_thread(self._snapshot))
        finally:
            self.release_events()

    def _snapshot(self) -> dict[str, object]:
        services.open_console(self.rights.user_id)
        return {
            "agent": selectors.me(self.rights.user_id),
            "counts": selectors.counts(self.rights),
            "sessions": chats.summaries(selectors.console_sessions(self.rights)),
            "server_time": timestamp(chats.database_now()),
            "policy": {
                "heartbeat_interval_ms": HEARTBEAT_INTERVAL_MS,
                "disconnect_timeout_ms": DISCONNECT_TIMEOUT_MS,
            },
        }

    async def ping(self, command: protocol.Ping) -> None:
        is_used, self.is_used = command.active or self.is_used, False
        pong = await self.in_thread(self._beat, is_used)
        before, self.state = self.state, pong["agent"]["state"]
        if self.state == Availability.ONLINE != before:
            self.consoles.ring_for_queue()
        self.send_frame("pong", pong)

    def _beat(self, is_used: bool) -> dict[str, object]:
        """The short form of the snapshot: a console whose view differs has missed a doorbell."""
        services.stamp_consoles([self.rights.user_id], are_used=is_used)
        now = chats.database_now()
        sessions = [pulse_payload(session, now) for session in selectors.console_sessions(self.rights)]
        return {
            "agent": selectors.workload(self.rights.user_id),
            "counts": selectors.counts(self.rights),
            "sessions": sessions,
            "server_time": timestamp(now),
        }

    async def open_chat(self, command: protocol.OpenChat) -> None:
        session = await self.in_thread(self._session, command.session_id)
        self._close_chat()
        self.opened = session
        self.hold_events()
        try:
            await self.hub.join(self, events.watch_group(session.session_id))
            self.send_frame("chat.session.ready", await self.in_thread(self._open, command))
        except ChatError:
            self._close_chat()  # the right to see it is gone by now
            raise
        finally:
            self.release_events()

    def _close_chat(self) -> None:
        if self.opened is not None:
            self.hub.leave(self, events.watch_group(self.opened.session_id))
            self.opened = None

    def _session(self, session_id: UUID) -> ChatSession:
        session = selectors.visible_sessions(self.rights).filter(session_id=session_id).first()
        if session is None:
            raise SessionNotFound
        return session

    def _open(self, command: protocol.OpenChat) -> dict[str, object]:
        session = self._session(command.session_id)
        after = command.after_seq
        is_known = after is not None and 0 <= after <= session.last_seq
        # Whoever has nothing yet wants to see the end; what lies before is asked for by chat.history.
        place = {"after": after} if is_known else {"before": session.last_seq + 1}
        page = chats.transcript(session, **place, limit=SNAPSHOT_LIMIT)
        [summary] = chats.summaries([session])
        return {
            "session": summary,
            **page,
            "resume": "resumed" if is_known else "resync",
            "notes": chats.notes(session),
            "trail": chats.trail(session, has_pages=False),
            "holds": chats.holds(session),
        }

    async def send_message(self, command: protocol.SendMessage) -> None:
        self.is_used = True
        body = clean_text(command.body)
        post = Post(command.session_id, command.client_message_id, body, self.rights.actor)
        message = await self.post(post)
        payload = {
            "session_id": message["session_id"],
            "client_message_id": message["client_message_id"],
            "message": message,
        }
        self.send_frame("chat.message.ack", payload)

    async def typing(self, command: protocol.Typing) -> None:
        self.is_used = True
        await self.in_thread(self._typing, command)

    def _typing(self, command: protocol.Typing) -> None:
        """Whoever has the chat open learns that somebody else writes there, too; the visitor who is being answered."""
        session = self._session(command.session_id)
        groups = (events.watch_group(session.session_id),)
        if session.assigned_to_id == self.rights.user_id and not command.note:
            groups += (events.visitor_group(session.session_id),)
        key = events.typing_key(self.rights.user_id)
        name = self.rights.name
        events.publish([events.typing(groups, session.session_id, Party.AGENT, name, command.is_typing, key=key)])

    async def read(self, command: protocol.Read) -> None:
        await self.in_thread(self._read, command)

    def _read(self, command: protocol.Read) -> None:
        """Read is what the agent who answers has read, not whoever looks in."""
        session = self._session(command.session_id)
        if session.assigned_to_id == self.rights.user_id:
            chat_services.mark_read(session.session_id, Party.AGENT, command.seq)

    async def history(self, command: protocol.History) -> None:
        self.send_frame("chat.history", await self.in_thread(self._history, command))

    def _history(self, command: protocol.History) -> dict[str, object]:
        session = self._session(command.session_id)
        page = chats.transcript(session, after=command.after_seq, before=command.before_seq, limit=command.limit)
        return {"session_id": str(session.session_id), **page}

    commands = {
        "hello": protocol.Hello,
        "ping": protocol.Ping,
        "chat.open": protocol.OpenChat,
        "chat.message.send": protocol.SendMessage,
        "chat.typing": protocol.Typing,
        "chat.read": protocol.Read,
        "chat.history": protocol.History,
    }
    handlers = {
        "hello": hello,
        "ping": ping,
        "chat.open": open_chat,
        "chat.message.send": send_message,
        "chat.typing": typing,
        "chat.read": read,
        "chat.history": history,
    }
