package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest asks for Await.
func (p *statement) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

// Await runs the statement and answers.
func (p *statement) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	args, bad := p.arguments(x)
	if len(bad) > 0 {
		return x.RejectFields(contract.CodeRequestInvalid, "the request lacks what the statement needs", bad)
	}
	ctx, cancel := context.WithTimeout(b.Context(), p.timeout)
	defer cancel()
	out, err := p.run(ctx, args)
	if err != nil {
		code, detail := failure(ctx, err)
		return x.RejectDetail(code, 0, detail)
	}
	if out.cut {
		x.Response().Header.Set(policy.PartialResult, "rows;reason=max_rows")
	}
	if p.result == "one" && out.rows == 0 {
		return x.AnswerFrom(policy.FromIntegration, 404, "application/problem+json", []byte(`{"title":"There is no such row","status":404}`))
	}
	return x.AnswerFrom(policy.FromIntegration, 200, "application/json", out.body.Bytes())
}

// output is what a statement gave.
type output struct {
	body bytes.Buffer
	rows int
	cut  bool
}

var (
	errAnswer  = errors.New("the answer is longer than 4 MiB")
	errColumns = errors.New("two columns have one name")
	errMore    = errors.New("there are many more rows than are answered")
)

// run runs the statement. A kept connection that its server closed meanwhile is
// tried once more on a new one, as long as nothing was sent.
func (p *statement) run(ctx context.Context, args []any) (*output, error) {
	for {
		c, kept, err := p.pool.get(ctx)
		if err != nil {
			return nil, err
		}
		out, err := p.on(ctx, c, args)
		var server *pgconn.PgError
		if err != nil && c.in.over.Load() {
			err = errLong // the library tells only what became of it
		}
		p.pool.put(c, err == nil || errors.As(err, &server))
		if errors.Is(err, errMore) {
			return out, nil
		}
		if err == nil || !kept || !pgconn.SafeToRetry(err) {
			return out, err
		}
	}
}

// on runs the statement in a transaction of its own.
func (p *statement) on(ctx context.Context, c *conn, args []any) (*output, error) {
	mode := pgx.ReadOnly
	if p.write {
		mode = pgx.ReadWrite
	}
	tx, err := c.BeginTx(ctx, pgx.TxOptions{AccessMode: mode})
	if err != nil {
		return nil, err
	}
	out := &output{}
	if err = p.query(ctx, tx, args, out); err == nil {
		return out, tx.Commit(ctx)
	}
	_ = tx.Rollback(ctx)
	return out, err
}

func (p *statement) query(ctx context.Context, tx pgx.Tx, args []any, out *output) error {
	rows, err := tx.Query(ctx, p.text, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if p.result == "exec" {
		rows.Close()
		out.body.WriteString(`{"rows_affected":` + strconv.FormatInt(rows.CommandTag().RowsAffected(), 10) + `}`)
		return rows.Err()
	}
	most := p.maxRows
	if p.result == "one" {
		most = 1
	} else {
		out.body.WriteByte('[')
	}
	for rows.Next() {
		if out.rows == most {
			if out.cut = p.result == "rows"; p.more(rows) {
				out.end(p.result)
				_ = tx.Conn().Close(ctx) // first: rows read to their end when they are closed
				return errMore
			}
			break
		}
		if out.rows++; out.rows > 1 {
			out.body.WriteByte(',')
		}
		if err := out.row(rows); err != nil {
			return err
		}
	}
	rows.Close()
	out.end(p.result)
	return rows.Err()
}

// maxSkipped is how many rows behind those that are answered are read, so that the
// connection can be kept. A statement that writes is read to its end: else it
// would not be committed.
const maxSkipped = 1000

// more reports whether there are more rows than are worth reading.
func (p *statement) more(rows pgx.Rows) bool {
	for n := 1; !p.write && rows.Next(); n++ {
		if n == maxSkipped {
			return true
		}
	}
	return false
}

func (o *output) end(result string) {
	if result == "rows" {
		o.body.WriteByte(']')
	}
}

// row writes one row as an object.
func (o *output) row(rows pgx.Rows) error {
	fields := rows.FieldDescriptions()
	if o.rows == 1 {
		seen := make(map[string]bool, len(fields))
		for i := range fields {
			if seen[fields[i].Name] {
				return errColumns
			}
			seen[fields[i].Name] = true
		}
	}
	for i, raw := range rows.RawValues() {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		name, err := json.Marshal(fields[i].Name)
		if err != nil {
			return err
		}
		o.body.WriteString(sep)
		o.body.Write(name)
		o.body.WriteByte(':')
		if err := o.value(fields[i].DataTypeOID, raw); err != nil {
			return err
		}
		if o.body.Len() > maxAnswer {
			return errAnswer
		}
	}
	if len(fields) == 0 {
		o.body.WriteByte('{')
	}
	o.body.WriteByte('}')
	return nil
}

// value writes a value that PostgreSQL gave as text: numbers, booleans and JSON as
// what they are, all else as a string.
func (o *output) value(oid uint32, raw []byte) error {
	switch {
	case raw == nil:
		o.body.WriteString("null")
		return nil
	case oid == pgtype.BoolOID:
		o.body.WriteString(strconv.FormatBool(string(raw) == "t"))
		return nil
	case (oid == pgtype.JSONOID || oid == pgtype.JSONBOID) && json.Valid(raw), number(oid) && json.Valid(raw):
		o.body.Write(raw)
		return nil
	}
	text, err := json.Marshal(string(raw))
	o.body.Write(text)
	return err
}

func number(oid uint32) bool {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID, pgtype.OIDOID:
		return true
	}
	return false
}

// failure says what the caller is told: never a word of the server's.
func failure(ctx context.Context, err error) (contract.Code, string) {
	var server *pgconn.PgError
	switch {
	case errors.As(err, &server) && server.Code == "57014", ctx.Err() != nil:
		return contract.CodeUpstreamTimeout, "the statement took too long"
	case errors.As(err, &server) && (strings.HasPrefix(server.Code, "22") || strings.HasPrefix(server.Code, "23")):
		return contract.CodeRequestInvalid, "the database does not take these values (SQLSTATE " + server.Code + ")"
	case errors.As(err, &server) && server.Code == "53300":
		return contract.CodeUpstreamBusy, "the database has no connection left"
	case errors.As(err, &server):
		return contract.CodeUpstreamProtocol, "the database refused (SQLSTATE " + server.Code + ")"
	case errors.Is(err, errLong):
		return contract.CodeUpstreamProtocol, errLong.Error()
	case errors.Is(err, errAnswer), errors.Is(err, errColumns):
		return contract.CodeUpstreamProtocol, err.Error()
	}
	code := policy.CodeOf(err)
	return code, "the database can't be reached"
}
