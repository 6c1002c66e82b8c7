-- 0002_rule_document.sql: the rule system as immutable documents, one row a save; history, undo and
-- fencing of an old master come with the key. The document is JSON text, compressed (zlib with the
-- length in front, as Qt writes it); sha256 is that of the JSON text.
-- Old nodes ignore the table. Size: a few KB a save, some MB with large address lists. Way back: drop
-- the table; the rules in force stay in each node's cache file.
CREATE TABLE rule_document (
    cid            integer      NOT NULL,
    term           integer      NOT NULL,
    generation     bigint       NOT NULL,
    saved_at       timestamptz  NOT NULL,
    author         text         NOT NULL,
    note           text         NOT NULL,
    restored_from  bigint,                -- the generation that an undo brought back
    sha256         bytea        NOT NULL,
    document       bytea        NOT NULL,
    CONSTRAINT rule_document_pkey PRIMARY KEY (cid, term, generation),
    CONSTRAINT rule_document_generation_positive CHECK (generation > 0),
    CONSTRAINT rule_document_sha256_length CHECK (length(sha256) = 32)
);
ALTER TABLE rule_document ALTER COLUMN document SET STORAGE EXTERNAL;

-- What a master of an earlier term still saved after a newer one began is kept, but never in force.
CREATE VIEW rule_document_current AS
    SELECT d.* FROM rule_document d, current_master m
    WHERE d.term < m.term OR (d.term = m.term AND d.cid = m.master)
    ORDER BY d.term DESC, d.generation DESC, d.cid
    LIMIT 1;

CREATE FUNCTION rule_document_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    current record;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'saved rule documents are never changed' USING ERRCODE = '25006';
    END IF;
    SELECT * INTO current FROM current_master;
    IF node_cid() <> current.master OR NEW.cid <> current.master OR NEW.term <> current.term THEN
        RAISE EXCEPTION 'rules are edited on the master (node %)', current.master
            USING ERRCODE = '25006';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER rule_document_check BEFORE INSERT OR UPDATE ON rule_document
    FOR EACH ROW EXECUTE FUNCTION rule_document_check();

-- Wakes the rule watchers of this node, also when replication brings the row (ALWAYS).
CREATE FUNCTION rule_document_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('rule_document', NEW.generation::text);
    RETURN NULL;
END $$;
CREATE TRIGGER rule_document_announce AFTER INSERT ON rule_document
    FOR EACH ROW EXECUTE FUNCTION rule_document_announce();
ALTER TABLE rule_document ENABLE ALWAYS TRIGGER rule_document_announce;
