"""Opens what a node has written, for commands that read it or decide about it; the node may be running."""

from __future__ import annotations

from pathlib import Path

from dicom_node.cases import NodeCases
from dicom_node.config import NodeConfig, load_config
from dicom_node.database import Database
from dicom_node.errors import UsageError
from dicom_node.jobs import Queue
from dicom_node.model_registry import ModelRegistry
from dicom_node.plugins import Catalogue
from dicom_node.review import ReviewDesk
from dicom_node.storage import Inbox, Outbox


def open_database(config_path: Path) -> Database:
    """The database of the node that this configuration describes.

    Raises:
        UsageError: no node has run on its data_dir.
    """
    return _database_of(load_config(config_path, None))


def open_queue(config_path: Path) -> Queue:
    """Its jobs, for reading and for a person's decisions. Raises as ``open_database``."""
    return Queue(open_database(config_path))


def open_cases(config_path: Path) -> NodeCases:
    """Its reviewed results. Raises as ``open_database``."""
    config = load_config(config_path, None)
    return NodeCases(_database_of(config), config.node.data_dir)


def open_desk(config_path: Path) -> ReviewDesk:
    """Its drafts, and the decisions on them. Raises as ``open_database``."""
    config = load_config(config_path, None)
    database, data_dir = _database_of(config), config.node.data_dir
    return ReviewDesk(database, Queue(database), Inbox(data_dir), Outbox(data_dir))


def open_registry(config_path: Path) -> ModelRegistry:
    """Its models. Raises as ``open_database``."""
    config = load_config(config_path, None)
    return ModelRegistry(_database_of(config), config.node.data_dir)


def open_for_routing(config_path: Path) -> tuple[NodeConfig, Database]:
    """Configuration, checked against the installed algorithms, and database. Raises as ``open_database``."""
    config = load_config(config_path, Catalogue())
    return config, _database_of(config)


def _database_of(config: NodeConfig) -> Database:
    file = config.node.data_dir / "node.db"
    if not file.exists():
        raise UsageError(f"no node has run on {config.node.data_dir} yet: start one with dicom-node serve")
    return Database(file)
