-- SPDX-License-Identifier: GPL-2.0-or-later
-- 0011_quarantine.sql: mail that was kept back. One row a mail, one a recipient, the bytes beside them
-- in rows of at most 1 MB that are inserted and deleted, never changed. What people do with an entry
-- is an event that any node may write; quarantine_state folds them, the last one wins.
-- Replicated, but for quarantine_state, which each node folds for itself. Size: compressed mail for
-- spamquar/lifetime and virusquar/lifetime days. Way back: drop the tables; quarantined mail is lost.
CREATE TABLE quarantine_mail (
    cid         integer      NOT NULL,
    rid         bigint       NOT NULL DEFAULT nextval('node_rid'),
    spool_key   text         NOT NULL,  -- storing an entry twice is storing it once
    queue_id    text         NOT NULL,
    kind        "char"       NOT NULL,  -- S spam, V virus, A attachment, F filter failure
    direction   smallint     NOT NULL,
    received_at timestamptz  NOT NULL,
    sender      text         NOT NULL,  -- '' is the null reverse-path
    subject     text         NOT NULL,
    from_header text         NOT NULL,
    message_id  text         NOT NULL,
    bytes       bigint       NOT NULL,
    stored      bigint       NOT NULL,  -- bytes as kept
    encoding    text         NOT NULL,  -- of the body: 'zstd'
    spam_level  integer      NOT NULL,
    virus       text         NOT NULL,
    rule        text         NOT NULL,
    evidence    text         NOT NULL,  -- JSON
    CONSTRAINT quarantine_mail_pkey PRIMARY KEY (cid, rid),
    CONSTRAINT quarantine_mail_kind_known CHECK (kind IN ('S', 'V', 'A', 'F'))
);
CREATE UNIQUE INDEX quarantine_mail_spool_key ON quarantine_mail (cid, spool_key);
CREATE INDEX quarantine_mail_received_at ON quarantine_mail (received_at);
CREATE TRIGGER quarantine_mail_own BEFORE INSERT OR UPDATE ON quarantine_mail
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();

CREATE TABLE quarantine_receiver (
    cid         integer      NOT NULL,
    rid         bigint       NOT NULL,
    ticket      bigint       NOT NULL,  -- random
    recipient   text         NOT NULL,
    mailbox     text         NOT NULL,  -- whose quarantine: the recipient in lower case
    received_at timestamptz  NOT NULL,  -- as in quarantine_mail, for the index
    CONSTRAINT quarantine_receiver_pkey PRIMARY KEY (cid, rid, ticket)
);
CREATE INDEX quarantine_receiver_mailbox ON quarantine_receiver (mailbox, received_at);
CREATE INDEX quarantine_receiver_received_at ON quarantine_receiver (received_at);

CREATE TABLE quarantine_body (
    cid         integer  NOT NULL,
    rid         bigint   NOT NULL,
    seq         integer  NOT NULL,
    body        bytea    NOT NULL,
    CONSTRAINT quarantine_body_pkey PRIMARY KEY (cid, rid, seq)
);
ALTER TABLE quarantine_body ALTER body SET STORAGE EXTERNAL;  -- is compressed already

CREATE TABLE quarantine_event (
    cid         integer      NOT NULL,  -- of the node that writes the event
    rid         bigint       NOT NULL DEFAULT nextval('node_rid'),
    at          timestamptz  NOT NULL DEFAULT clock_timestamp(),
    mail_cid    integer      NOT NULL,
    mail_rid    bigint       NOT NULL,
    ticket      bigint       NOT NULL,
    aspect      text         NOT NULL,  -- 'status' or 'seen'
    value       text         NOT NULL,  -- status: N, D (delivered), X (deleted); seen: t, f
    who         text         NOT NULL,
    CONSTRAINT quarantine_event_pkey PRIMARY KEY (cid, rid)
);
CREATE INDEX quarantine_event_mail ON quarantine_event (mail_cid, mail_rid);

CREATE TABLE quarantine_state (
    mail_cid    integer      NOT NULL,
    mail_rid    bigint       NOT NULL,
    ticket      bigint       NOT NULL,
    aspect      text         NOT NULL,
    value       text         NOT NULL,
    at          timestamptz  NOT NULL,
    cid         integer      NOT NULL,
    rid         bigint       NOT NULL,
    CONSTRAINT quarantine_state_pkey PRIMARY KEY (mail_cid, mail_rid, ticket, aspect)
);

-- An event written here after seeing another always beats it, whatever the nodes' clocks say.
CREATE FUNCTION quarantine_event_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := greatest(clock_timestamp(),
        (SELECT s.at + interval '1 microsecond' FROM public.quarantine_state s
         WHERE s.mail_cid = NEW.mail_cid AND s.mail_rid = NEW.mail_rid
           AND s.ticket = NEW.ticket AND s.aspect = NEW.aspect));
    RETURN NEW;
END $$;
CREATE TRIGGER quarantine_event_stamp BEFORE INSERT ON quarantine_event
    FOR EACH ROW EXECUTE FUNCTION quarantine_event_stamp();
CREATE TRIGGER quarantine_event_own BEFORE INSERT OR UPDATE ON quarantine_event
    FOR EACH ROW EXECUTE FUNCTION node_own_rows_only();

-- Order does not matter, and twice is as once. Fires for replicated rows too (ALWAYS), where the
-- search path is empty.
CREATE FUNCTION quarantine_event_fold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.quarantine_state AS s
        (mail_cid, mail_rid, ticket, aspect, value, at, cid, rid)
    VALUES (NEW.mail_cid, NEW.mail_rid, NEW.ticket, NEW.aspect, NEW.value, NEW.at, NEW.cid, NEW.rid)
    ON CONFLICT (mail_cid, mail_rid, ticket, aspect) DO UPDATE
        SET value = excluded.value, at = excluded.at, cid = excluded.cid, rid = excluded.rid
        WHERE (excluded.at, excluded.cid, excluded.rid) > (s.at, s.cid, s.rid);
    RETURN NULL;
END $$;
CREATE TRIGGER quarantine_event_fold AFTER INSERT ON quarantine_event
    FOR EACH ROW EXECUTE FUNCTION quarantine_event_fold();
ALTER TABLE quarantine_event ENABLE ALWAYS TRIGGER quarantine_event_fold;
