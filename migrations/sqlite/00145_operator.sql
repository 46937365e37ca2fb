-- The operator's console: who suspended an organization and why, notes on
-- organizations, views that operators open of them, and the audit of operators.

-- +goose Up
-- organizations.suspended is true while a row is here: by an operator, by billing,
-- or by both. Reason and message are read by the organization's members.
CREATE TABLE organization_suspensions (
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    suspended_by    text NOT NULL CHECK (suspended_by IN ('operator', 'billing')),
    reason          text NOT NULL,
    message         text NOT NULL DEFAULT '',
    at              integer NOT NULL,
    PRIMARY KEY (organization_id, suspended_by)
);
INSERT INTO organization_suspensions (organization_id, suspended_by, reason, at)
    SELECT id, 'operator', 'Suspended before reasons were kept.', updated_at FROM organizations WHERE suspended AND deleted_at = 0;

-- Of operators for operators: nobody else reads them.
CREATE TABLE operator_notes (
    id              text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    author_id       text NOT NULL,
    author          text NOT NULL,
    body            text NOT NULL,
    created_at      integer NOT NULL
);
CREATE INDEX operator_notes_organization ON operator_notes (organization_id, id);

-- What a session of an operator looks at instead of the operator's own.
CREATE TABLE operator_views (
    session_id      text PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    organization_id text NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    reason          text NOT NULL,
    started_at      integer NOT NULL,
    ends_at         integer NOT NULL
);

-- What operators did, also to no organization. Append only.
CREATE TABLE operator_audit (
    id              text PRIMARY KEY,
    at              integer NOT NULL,
    operator_id     text NOT NULL,
    operator        text NOT NULL,
    action          text NOT NULL,
    organization_id text NOT NULL,
    resource_type   text NOT NULL,
    resource_id     text NOT NULL,
    resource_name   text NOT NULL,
    reason          text NOT NULL,
    detail          text NOT NULL,
    request_id      text NOT NULL,
    client          text NOT NULL
);
CREATE INDEX operator_audit_organization ON operator_audit (organization_id, id);
CREATE INDEX operator_audit_operator ON operator_audit (operator_id, id);

-- +goose StatementBegin
CREATE TRIGGER operator_audit_stays BEFORE UPDATE ON operator_audit
BEGIN
    SELECT RAISE(ABORT, 'the audit of operators is append only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER operator_audit_kept BEFORE DELETE ON operator_audit
BEGIN
    SELECT RAISE(ABORT, 'the audit of operators is append only');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE operator_audit;
DROP TABLE operator_views;
DROP TABLE operator_notes;
DROP TABLE organization_suspensions;
