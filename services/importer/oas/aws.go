package oas

type awsDocument struct{}

const anyMethod = "x-amazon-apigateway-any-method"

func (w *walker) amazon()                  {}
func (w *walker) anyMethods() []*operation { return nil }

func (a *awsDocument) integrate(*operation, base) bool               { return false }
func (a *awsDocument) validation(*operation, string) string          { return "" }
func (a *awsDocument) auth(*operation)                               {}
func (a *awsDocument) scheme(string, map[string]any, string) *scheme { return nil }
