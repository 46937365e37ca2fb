module github.com/tollgate/tollgate/tests

go 1.26.0

require github.com/zitadel/oidc/v3 v3.45.0 // indirect
