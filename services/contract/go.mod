module github.com/tollgate/tollgate/services/contract

go 1.26.0
