from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from obvious_django.models import Message


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """Stores what comes, then tells the room; the sender's own copy is its acknowledgement."""

    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        self.sender = self.scope["url_route"]["kwargs"]["sender"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive_json(self, content):
        message = await self.create_message(content["body"])
        event = {
            "type": "chat.message",
            "id": message.id,
            "sender": message.sender,
            "body": message.body,
            "created_at": message.created_at.isoformat(),
        }
        await self.channel_layer.group_send(self.room, event)

    @database_sync_to_async
    def create_message(self, body):
        return Message.objects.create(room=self.room, sender=self.sender, body=body)

    async def chat_message(self, event):
        await self.send_json(event)
