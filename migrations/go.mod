module github.com/tollgate/tollgate/migrations

go 1.26.0
