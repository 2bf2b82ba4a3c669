"""Files that visitors and agents send: where they lie, and the message that tells of each."""

from datetime import timedelta
from hashlib import file_digest
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db.models.functions import Now

from sessions_app import filetypes, throttles
from sessions_app.errors import ChatError, Invalid, RateLimited, TooLarge, Unavailable
from sessions_app.models import Attachment, ChatSession, Party
from sessions_app.services import Actor, Post, Posted
from sessions_app.writer import write_one

ORPHAN_AGE = timedelta(hours=1)


class QuotaHandler(FileUploadHandler):
    """Stops reading an upload that is too large, and one of more files than one."""

    has_file = False

    def new_file(self, *args: object, **kwargs: object) -> None:
        super().new_file(*args, **kwargs)
        if self.has_file:
            raise Invalid(fields={"file": ["Send one file at a time."]})
        self.has_file = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > settings.CHAT_MAX_ATTACHMENT_BYTES:
            raise TooLarge
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler keeps the file."""


def post_attachment(session: ChatSession, client_message_id: UUID, upload: UploadedFile, sender: Actor) -> Posted:
    """Stores the file, and the message that it comes with. The same id with the same file again is a repeat.

    Raises Invalid for a file that is not allowed, TooLarge, RateLimited, and what services.post_messages() raises.
    """
    if upload.size > settings.CHAT_MAX_ATTACHMENT_BYTES:
        raise TooLarge
    if sender.type == Party.VISITOR:
        [wait] = throttles.take("upload", [session.session_id], settings.CHAT_UPLOAD_RATES)
        if wait:
            raise RateLimited(wait)
    attachment = _store(session, upload)
    try:
        posted = write_one(Post(session.session_id, client_message_id, attachment.name, sender, attachment))
    except ChatError as error:
        # Unavailable may mean that only the answer was lost: if the message is not there, delete_orphans() will know.
        if not isinstance(error, Unavailable):
            attachment.delete()
        raise
    if not posted.is_new:
        attachment.delete()
    return posted


def _store(session: ChatSession, upload: UploadedFile) -> Attachment:
    look = filetypes.inspect(upload.file, upload.name)
    upload.file.seek(0)
    attachment = Attachment(
        session=session,
        name=filetypes.clean_name(upload.name, look.content_type),
        content_type=look.content_type,
        size=upload.size,
        sha256=file_digest(upload.file, "sha256").hexdigest(),
        thumbnail_width=look.width,
        thumbnail_height=look.height,
    )
    # The row first, and with the names that the files will have: a process that is killed in between leaves a row
    # by which they are found.
    for field, content in (("file", upload.file), ("thumbnail", look.thumbnail)):
        if content is not None:
            stored = getattr(attachment, field)
            stored.name = stored.field.generate_filename(attachment, "")
    attachment.save()
    upload.file.seek(0)
    attachment.file.storage.save(attachment.file.name, upload)
    if look.thumbnail is not None:
        attachment.thumbnail.storage.save(attachment.thumbnail.name, ContentFile(look.thumbnail))
    return attachment


def delete_orphans() -> int:
    """Deletes the files whose message was never stored; returns how many."""
    orphans = Attachment.objects.filter(seq=None, created_at__lt=Now() - ORPHAN_AGE)
    deleted, _ = orphans.delete()
    return deleted
