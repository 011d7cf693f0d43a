"""JSON routes under ``/api/v1``; every module's ``bp`` is registered by the app."""

from flask_smorest import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = ()
