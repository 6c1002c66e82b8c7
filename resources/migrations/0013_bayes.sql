-- SPDX-License-Identifier: GPL-2.0-or-later
-- 0013_bayes.sql: what the Bayes classifier has learnt. A row a node and token; readers sum the counts
-- and take the latest use. A message that one node has learnt may be forgotten on another, whose counts
-- are then negative. Replicated. Times are seconds since 1970, as in SpamAssassin's backups. Written in
-- batches by one process a node; filters read a snapshot file. Size: 70 bytes a token with its index,
-- 150,000 tokens by default. Way back: drop the tables; the classifier begins anew.
CREATE TABLE bayes_token (
    cid     integer  NOT NULL,
    token   bigint   NOT NULL,  -- last 40 bits of the SHA-1 of its text
    spam    integer  NOT NULL,  -- messages with it
    ham     integer  NOT NULL,
    used_at bigint   NOT NULL,
    CONSTRAINT bayes_token_pkey PRIMARY KEY (token, cid),
    CONSTRAINT bayes_token_is_short CHECK (token BETWEEN 0 AND 1099511627775)
) WITH (fillfactor = 75);
CREATE TRIGGER bayes_token_own BEFORE INSERT OR UPDATE OR DELETE ON bayes_token
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();

-- Which messages were learnt, so that none is learnt twice; the last word of any node counts.
CREATE TABLE bayes_seen (
    cid        integer      NOT NULL,
    message_id bytea        NOT NULL,
    learnt_as  "char"       NOT NULL,
    learnt_at  timestamptz  NOT NULL,
    CONSTRAINT bayes_seen_pkey PRIMARY KEY (message_id, cid),
    CONSTRAINT bayes_seen_known CHECK (learnt_as IN ('h', 's', 'f'))
);
CREATE INDEX bayes_seen_learnt_at ON bayes_seen (learnt_at);
CREATE TRIGGER bayes_seen_own BEFORE INSERT OR UPDATE OR DELETE ON bayes_seen
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();

-- A row a node: messages learnt, its last expiry, and a number that grows with each change.
CREATE TABLE bayes_total (
    cid             integer  NOT NULL,
    spam            bigint   NOT NULL DEFAULT 0,
    ham             bigint   NOT NULL DEFAULT 0,
    generation      bigint   NOT NULL DEFAULT 0,
    expired_at      bigint   NOT NULL DEFAULT 0,
    expired_age     bigint   NOT NULL DEFAULT 0,
    expired_removed bigint   NOT NULL DEFAULT 0,
    CONSTRAINT bayes_total_pkey PRIMARY KEY (cid)
);
CREATE TRIGGER bayes_total_own BEFORE INSERT OR UPDATE OR DELETE ON bayes_total
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();
