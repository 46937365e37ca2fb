module github.com/tollgate/tollgate/portal/client

go 1.26.0
