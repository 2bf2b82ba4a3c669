from django.db import models


class Message(models.Model):
    room = models.CharField(max_length=64)
    sender = models.CharField(max_length=16)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["room", "id"])]
