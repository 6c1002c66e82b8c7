-- SPDX-License-Identifier: GPL-2.0-or-later
-- 0012_greylist.sql: what greylisting knows (RFC 6647). A row a node and triplet; readers fold the
-- nodes' rows: the earlier first, the later expiry, passed if one has. Replicated. Written behind from
-- memory, so nobody waits for it. Size: 300 bytes a triplet with its indexes; rows that never pass live
-- 2 days and are bounded in number, the others 36 days after their last use. Way back: drop the tables;
-- unknown senders are delayed once more.
CREATE TABLE greylist_triplet (
    cid         integer      NOT NULL,
    client      text         NOT NULL,  -- network, '192.0.2.0/24'; '*' is a reply to our own mail
    sender      text         NOT NULL,  -- normalised; '' is the null reverse-path; '@domain' see below
    recipient   text         NOT NULL,  -- '' with a sender '@domain': known to pass without delay
    first_at    timestamptz  NOT NULL,
    expires_at  timestamptz  NOT NULL,
    passed      boolean      NOT NULL,
    deferrals   bigint       NOT NULL,
    passes      bigint       NOT NULL,
    modified_at timestamptz  NOT NULL,  -- by the clock of the node that wrote it
    CONSTRAINT greylist_triplet_pkey PRIMARY KEY (client, sender, recipient, cid)
) WITH (fillfactor = 75);
CREATE INDEX greylist_triplet_expires_at ON greylist_triplet (expires_at);
CREATE INDEX greylist_triplet_modified_at ON greylist_triplet (modified_at);
CREATE TRIGGER greylist_triplet_own BEFORE INSERT OR UPDATE ON greylist_triplet
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();

-- Attempts that came to nothing, by the hour of the first: 'G' greylisted and never tried again,
-- 'S' refused by SPF. For the statistics; a row an hour and kind.
CREATE TABLE greylist_statistic (
    cid   integer      NOT NULL,
    hour  timestamptz  NOT NULL,
    kind  "char"       NOT NULL,
    count bigint       NOT NULL,
    CONSTRAINT greylist_statistic_pkey PRIMARY KEY (cid, hour, kind),
    CONSTRAINT greylist_statistic_kind_known CHECK (kind IN ('G', 'S'))
);
CREATE TRIGGER greylist_statistic_own BEFORE INSERT OR UPDATE ON greylist_statistic
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();
