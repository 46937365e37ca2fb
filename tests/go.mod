module github.com/tollgate/tollgate/tests

go 1.26.0
