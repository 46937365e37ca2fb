package oas_test
import ("testing";"os";"encoding/json";"github.com/tollgate/tollgate/services/importer";"github.com/tollgate/tollgate/services/importer/oas")
func TestTry(t *testing.T){
 b,_:=os.ReadFile(os.Getenv("F"))
 var o importer.Options
 json.Unmarshal([]byte(os.Getenv("O")),&o)
 p,r,errs:=oas.Import(b,o,importer.Present{})
 t.Log(errs)
 if p==nil {return}
 for _,x:=range r.Rows{j,_:=json.Marshal(x);t.Log(string(j))}
 j,_:=json.MarshalIndent(p,""," "); t.Log(string(j))
}
