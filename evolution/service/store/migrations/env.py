"""Run by Alembic: migrates the connection that `Database.migrate` opened."""

from alembic import context

from evolution.service.store import models  # noqa: F401 (declares the tables)
from evolution.service.store.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
