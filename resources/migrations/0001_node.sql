-- 0001_node.sql: who this node is, and the guards that keep each replicated row with one writing node.
-- A single node is a cluster of one, number 1. node_self is local and never replicated.
-- Size: one row. Way back: none needed; everything else builds on it.
CREATE TABLE node_self (
    one  boolean  NOT NULL DEFAULT true,
    cid  integer  NOT NULL,
    CONSTRAINT node_self_pkey PRIMARY KEY (one),
    CONSTRAINT node_self_one_row CHECK (one),
    CONSTRAINT node_self_cid_positive CHECK (cid > 0)
);
INSERT INTO node_self (cid) VALUES (1);

CREATE FUNCTION node_cid() RETURNS integer LANGUAGE sql STABLE
AS $$ SELECT cid FROM node_self $$;

-- Numbers of rows (cid, rid); each node draws its own. The cache keeps bulk writers from waiting.
CREATE SEQUENCE node_rid CACHE 32;

-- For tables whose rows belong to their node: CREATE TRIGGER … BEFORE INSERT OR UPDATE OR DELETE …
-- EXECUTE FUNCTION node_own_rows_only(). Replication applies rows of other nodes past it (ORIGIN mode).
CREATE FUNCTION node_own_rows_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner integer := CASE TG_OP WHEN 'DELETE' THEN OLD.cid ELSE NEW.cid END;
BEGIN
    IF owner <> node_cid() OR (TG_OP = 'UPDATE' AND OLD.cid <> NEW.cid) THEN
        RAISE EXCEPTION 'a row of node % can only be written there; this is node %', owner, node_cid()
            USING ERRCODE = '25006';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

-- Which node is master: the highest term wins. Append-only; promoting a node adds a row.
CREATE TABLE master_term (
    cid        integer      NOT NULL,
    term       integer      NOT NULL,
    master     integer      NOT NULL,
    started_at timestamptz  NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT master_term_pkey PRIMARY KEY (cid, term),
    CONSTRAINT master_term_positive CHECK (term > 0 AND master > 0)
);
INSERT INTO master_term (cid, term, master) VALUES (1, 1, 1);

CREATE VIEW current_master AS
    SELECT master, term FROM master_term ORDER BY term DESC, cid LIMIT 1;
