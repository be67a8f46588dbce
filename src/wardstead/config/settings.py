"""The configuration file as a whole."""

from __future__ import annotations

from typing import Literal

import msgspec

from wardstead.config.identity import IdentitySection
from wardstead.config.sections import (
    BackupSection,
    ConversationsSection,
    DatabaseSection,
    DocumentsSection,
    ErasureSection,
    GatewaySection,
    InspectionSection,
    IsolationSection,
    LedgerSection,
    LoggingSection,
    ModelSection,
    ReviewSection,
    ServerSection,
)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``wardstead.yaml``."""

    version: Literal[1]
    models: tuple[ModelSection, ...]
    server: ServerSection = ServerSection()
    isolation: IsolationSection = IsolationSection()
    gateway: GatewaySection = GatewaySection()
    inspection: InspectionSection = InspectionSection()
    documents: DocumentsSection = DocumentsSection()
    database: DatabaseSection | None = None
    ledger: LedgerSection = LedgerSection()
    conversations: ConversationsSection = ConversationsSection()
    review: ReviewSection = ReviewSection()
    erasure: ErasureSection = ErasureSection()
    backup: BackupSection = BackupSection()
    identity: IdentitySection = IdentitySection()
    logging: LoggingSection = LoggingSection()
