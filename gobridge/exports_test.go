package gobridge

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Every export is one call of a function that recovers panics: what an export does, it does inside.
func TestExportsRecover(t *testing.T) {
	guards := map[string]bool{"answer": true, "answerWith": true, "answerJSON": true, "value": true}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !isExport(function) {
				continue
			}
			seen++
			name := function.Name.Name
			if name == "flightrec_abi_version" { // a constant
				continue
			}
			if call := onlyCall(function.Body); !guards[call] {
				t.Errorf("%s: the body of %s is not one call of answer or value", path, name)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d exports were found", seen)
	}
}

func isExport(function *ast.FuncDecl) bool {
	if function.Doc == nil {
		return false
	}
	for _, comment := range function.Doc.List {
		if strings.HasPrefix(comment.Text, "//export ") {
			return true
		}
	}
	return false
}

// onlyCall returns the name of the function that a body consists of a call of, or "".
func onlyCall(body *ast.BlockStmt) string {
	if len(body.List) != 1 {
		return ""
	}
	var expression ast.Expr
	switch statement := body.List[0].(type) {
	case *ast.ExprStmt:
		expression = statement.X
	case *ast.ReturnStmt:
		if len(statement.Results) == 1 {
			expression = statement.Results[0]
		}
	}
	call, ok := expression.(*ast.CallExpr)
	if !ok {
		return ""
	}
	if name, ok := call.Fun.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
