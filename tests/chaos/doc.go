// Package chaos kills, stops and starves processes of a real Tollgate under
// load and checks what must hold: nobody is billed for what was not served, a
// revoked key dies in time, and known traffic is served with everything else
// gone. `make chaos` runs it; figures are printed, the best of three judged.
package chaos
