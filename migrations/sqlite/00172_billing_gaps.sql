-- Hours in which an organization that had subscribed before had no subscription. What
-- it uses in them is given by the operator, and is not billed when it subscribes again.

-- +goose Up
CREATE TABLE billing_gaps (
    organization integer NOT NULL,
    from_hour    integer NOT NULL,
    to_hour      integer NOT NULL, -- the first hour that is not in it
    PRIMARY KEY (organization, from_hour)
);

-- +goose Down
DROP TABLE billing_gaps;
