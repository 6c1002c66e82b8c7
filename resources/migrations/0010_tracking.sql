-- SPDX-License-Identifier: GPL-2.0-or-later
-- 0010_tracking.sql: every step of every message, and one row a mail and recipient folded from them.
-- Rows belong to the node that wrote them (cid) and are replicated, but for tracking_progress, which
-- is this node's own. Texts that came over the wire are stored as valid Unicode; NULL means "not
-- known" or "empty". Size: some 3 events of 200 bytes and one row of 250 bytes a mail and recipient,
-- kept for admin/statlifetime days. Way back: drop the tables; mail flow does not need them.
-- No owner check by trigger here: these are the busiest tables, and one writer fills them.
CREATE TABLE tracking_event (
    cid         integer      NOT NULL,
    rid         bigint       NOT NULL DEFAULT nextval('node_rid'),
    at          timestamptz  NOT NULL,
    kind        smallint     NOT NULL,  -- tracking::EventKind
    direction   smallint     NOT NULL,  -- 0 in, 1 out
    queue_id    text         NOT NULL,
    client      text,
    sender      text,
    recipients  text[],
    size        bigint,
    next_hop    text,
    reply       text,
    tls         text,
    rule        text,
    reason      text,
    spam_level  integer,
    virus       text,
    duration_ms bigint,
    detail      text,                   -- JSON: text, because jsonb cannot hold all that mail holds
    CONSTRAINT tracking_event_pkey PRIMARY KEY (cid, rid)
);
CREATE INDEX tracking_event_queue_id ON tracking_event (queue_id);
CREATE INDEX tracking_event_at ON tracking_event USING brin (at) WITH (pages_per_range = 32);

-- Room on each page, so that a status change stays there and touches no index.
CREATE TABLE tracking_mail (
    cid         integer      NOT NULL,
    queue_id    text         NOT NULL,
    recipient   text         NOT NULL,  -- '' where a session was refused before RCPT
    received_at timestamptz  NOT NULL,
    updated_at  timestamptz  NOT NULL,
    direction   smallint     NOT NULL,
    sender      text,                   -- '' is the null reverse-path, NULL not known
    client      text,
    size        bigint,
    status      "char",                 -- tracking::MailStatus; NULL: pending
    delivery    "char",                 -- tracking::DeliveryStatus; NULL: none yet
    spam_level  integer,
    virus       text,
    rule        text,
    reason      text,
    next_hop    text,
    reply       text,
    CONSTRAINT tracking_mail_pkey PRIMARY KEY (cid, queue_id, recipient)
) WITH (fillfactor = 75);
CREATE INDEX tracking_mail_received_at ON tracking_mail (received_at);
CREATE INDEX tracking_mail_queue_id ON tracking_mail (queue_id);

-- How much of each journal segment is stored: written with the events, so that none is stored twice.
CREATE TABLE tracking_progress (
    identity    bigint  NOT NULL,
    segment     bigint  NOT NULL,
    position    bigint  NOT NULL,
    CONSTRAINT tracking_progress_pkey PRIMARY KEY (identity)
);
