-- SPDX-License-Identifier: GPL-2.0-or-later
-- 0014_reputation.sql: how the mail of each sender has been scored (AWL). A row a node and sender;
-- readers sum. Replicated. Written in batches by one process a node; filters read a snapshot file.
-- Size: 150 bytes a sender with its indexes; rows unused for 120 days go. Way back: drop the tables.
CREATE TABLE reputation_entry (
    cid      integer           NOT NULL,
    key      bytea             NOT NULL,  -- "anna@example.com|ip=192.0|signedby=example.com"
    messages integer           NOT NULL,
    score    double precision  NOT NULL,  -- sum over the messages
    used_at  bigint            NOT NULL,  -- seconds since 1970
    CONSTRAINT reputation_entry_pkey PRIMARY KEY (key, cid)
) WITH (fillfactor = 75);
CREATE INDEX reputation_entry_used_at ON reputation_entry USING brin (used_at);
CREATE TRIGGER reputation_entry_own BEFORE INSERT OR UPDATE OR DELETE ON reputation_entry
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();

CREATE TABLE reputation_total (
    cid        integer  NOT NULL,
    generation bigint   NOT NULL DEFAULT 0,
    CONSTRAINT reputation_total_pkey PRIMARY KEY (cid)
);
CREATE TRIGGER reputation_total_own BEFORE INSERT OR UPDATE OR DELETE ON reputation_total
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();
