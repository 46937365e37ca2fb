-- When a domain's certificate is renewed: the authority may say so, and change its
-- mind (RFC 9773). cert_next_at is when it is looked at next, which may be sooner.

-- +goose Up
ALTER TABLE gateway_domains ADD COLUMN cert_renew_at integer NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE gateway_domains DROP COLUMN cert_renew_at;
