"""Rings the consoles of agents whose rights may have changed. They ask again by themselves, too (consumers.py)."""

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from agents_app import services
from agents_app.models import Agent
from sessions_app import events


def _ring(user_id: int) -> None:
    transaction.on_commit(lambda: events.publish([events.rights_changed(user_id)]))


@receiver(post_save, sender=get_user_model())
def user_saved(instance, update_fields, **kwargs) -> None:
    if not update_fields or {"is_active", "password"} & set(update_fields):  # a login saves last_login alone
        _ring(instance.pk)


@receiver(user_logged_out)
def logged_out(user, **kwargs) -> None:
    if user is not None:
        _ring(user.pk)


@receiver(post_save, sender=Agent)
def agent_saved(instance: Agent, created: bool, **kwargs) -> None:
    _ring(instance.user_id)
    if not created:
        transaction.on_commit(lambda: services.tell_consoles(instance.user_id), robust=True)


@receiver(post_delete, sender=Agent)
def agent_deleted(instance: Agent, **kwargs) -> None:
    _ring(instance.user_id)
    if instance.picture:
        picture = instance.picture
        transaction.on_commit(lambda: picture.storage.delete(picture.name), robust=True)


@receiver(m2m_changed, sender=Agent.tenants.through)
def tenants_changed(instance, reverse: bool, action: str, pk_set, **kwargs) -> None:
    if not action.startswith("post_"):
        return
    agents = Agent.objects.filter(pk__in=pk_set or ()) if reverse else [instance]
    for agent in agents:
        _ring(agent.user_id)
