import{Ct as e,Dt as t,E as n,Et as r,Ht as i,It as a,Mt as o,Ot as s,Pt as c,Rt as l,U as u,Ut as d,W as f,Wt as p,Y as m,_t as h,at as g,b as _,bt as v,ft as y,kt as b,lt as x,mt as S,n as C,nt as w,ot as T,ut as E,vt as D,w as O,x as k,y as A,zt as j}from"./index.js";import{i as M,n as N,t as P}from"./Trouble.js";import{t as F}from"./Copy.js";var I=S(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function L(t,n){let i=f(n,`done`,3,!1);var a=I();let o;var c=r(a),l=r(c),u=s(l,!0),m=b(l,2),h=s(m,!0),_=b(m,2);g(_,()=>n.tools??p),d(c);var v=b(c,2);g(v,()=>n.children),d(a),e(()=>{o=w(a,1,`card svelte-10hrrs9`,null,o,{done:i()}),E(u,n.number),E(h,n.title)}),y(t,a)}var R=S(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),z=S(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),B=S(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function V(i,f){j(f,!0);let p=c(void 0),h=c(void 0),g=c(!1),S=0,w=c(0);u(()=>{let e=!1,t;async function n(){let e=(await O(`/api/stats/events/latest`,M({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&T(e)}async function r(){for(;!e&&!v(p);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function T(e){o(p,e),S&&o(w,(performance.now()-S)/1e3)}async function N(){o(g,!0),o(h,void 0),S=performance.now();try{await n(`POST`,`/api/events`,{event_id:crypto.randomUUID(),occurred_at:new Date().toISOString(),user_id:_.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(C.project?.id)})}catch(e){o(h,e,!0),S=0}finally{o(g,!1)}}{let n=a(()=>v(p)?`It is here`:`Waiting for your first event…`),o=a(()=>v(p)!==void 0);L(i,{number:3,get title(){return v(n)},get done(){return v(o)},children:(n,i)=>{var a=B(),o=t(a),c=r(o),l=n=>{var i=R(),a=t(i),o=r(a);A(o,{name:`check`,size:22}),d(a);var c=b(a,2),l=r(c),u=r(l),f=s(u,!0),h=b(u,2),g=s(h,!0);d(l);var _=b(l,2),x=s(_,!0);d(c);var S=b(c,2);e((e,t)=>{E(f,v(p).event_type),E(g,v(p).user_id),E(x,e),m(S,`href`,t)},[()=>v(w)?`counted ${v(w).toFixed(1)} s after it was sent`:`counted just now`,()=>k.link(`/`)]),y(n,i)},u=n=>{var r=z(),i=b(t(r),4);e(()=>i.disabled=v(g)||!C.mayWrite),D(`click`,i,N),y(n,r)};x(c,e=>{v(p)?e(l):e(u,-1)}),d(o);var f=b(o,2),_=e=>{P(e,{get error(){return v(h)},again:N})};x(f,e=>{v(h)&&e(_)}),y(n,a)},$$slots:{default:!0}})}l()}h([`click`]);var H=S(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),U=S(`<p class="small svelte-1o3w4ok"> </p>`),W=S(`<button class="btn primary">Make an ingest key</button> <!>`,1),G=S(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function K(i,a){j(a,!0);let u=c(void 0),f=c(!1);async function p(){o(f,!0),o(u,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await n(`POST`,`/api/projects/${C.project?.id}/keys`,{name:e,scope:`ingest`});a.onmade(t.key)}catch(e){o(u,e,!0)}finally{o(f,!1)}}L(i,{number:1,title:`Make a key`,children:(n,i)=>{var o=G(),c=b(t(o),2),l=t=>{var n=H(),i=r(n),o=s(i,!0),c=b(i);F(c,{get text(){return a.key},name:`key`}),d(n),e(()=>E(o,a.key)),y(t,n)},m=n=>{var r=W(),i=t(r),a=b(i,2),o=t=>{var n=U(),r=s(n);e(()=>E(r,`Viewers cannot make keys. Ask an owner of ${C.project.name??``}.`)),y(t,n)};x(a,e=>{C.project&&!C.mayWrite&&e(o)}),e(()=>i.disabled=v(f)||!C.mayWrite),D(`click`,i,p),y(n,r)};x(c,e=>{a.key?e(l):e(m,-1)});var h=b(c,2),g=e=>{P(e,{get error(){return v(u)}})};x(h,e=>{v(u)&&e(g)}),y(n,o)},$$slots:{default:!0}}),l()}h([`click`]);var q=[`curl`,`JavaScript`,`Python`,`Go`];function J(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
  -H "Authorization: Bearer ${n}" \\
  -H "Content-Type: application/json" \\
  -d '{"event_id": "'$(uuidgen)'", "occurred_at": "'$(date -u +%FT%TZ)'",
       "user_id": "ann", "event_type": "signed_up", "properties": {"plan": "pro"}}'`;case`JavaScript`:return`await fetch("${t}/api/events", {
  method: "POST",
  headers: { Authorization: "Bearer ${n}", "Content-Type": "application/json" },
  body: JSON.stringify({
    event_id: crypto.randomUUID(),
    occurred_at: new Date().toISOString(),
    user_id: "ann",
    event_type: "signed_up",
    properties: { plan: "pro" },
  }),
});`;case`Python`:return`import datetime, json, urllib.request, uuid

event = {
    "event_id": str(uuid.uuid4()),
    "occurred_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    "user_id": "ann",
    "event_type": "signed_up",
    "properties": {"plan": "pro"},
}
urllib.request.urlopen(urllib.request.Request(
    "${t}/api/events",
    data=json.dumps(event).encode(),
    headers={"Authorization": "Bearer ${n}", "Content-Type": "application/json"},
))`;case`Go`:return`event, err := json.Marshal(map[string]any{
	"event_id": uuid.NewString(), "occurred_at": time.Now(),
	"user_id": "ann", "event_type": "signed_up", "properties": map[string]any{"plan": "pro"},
})
if err != nil {
	return err
}
request, err := http.NewRequest(http.MethodPost, "${t}/api/events", bytes.NewReader(event))
if err != nil {
	return err
}
request.Header.Set("Authorization", "Bearer ${n}")
request.Header.Set("Content-Type", "application/json")
response, err := http.DefaultClient.Do(request)`}}var Y=S(`<button> </button>`),X=S(`<div class="seg" role="group" aria-label="Language"></div>`),Z=S(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function Q(n,u){j(u,!0);let f=c(`curl`),p=a(()=>J(v(f),location.origin,u.key||`YOUR_KEY`));L(n,{number:2,title:`Post an event`,tools:t=>{var n=X();T(n,20,()=>q,e=>e,(t,n)=>{var r=Y(),i=s(r,!0);e(()=>{m(r,`aria-pressed`,v(f)===n),E(i,n)}),D(`click`,r,()=>o(f,n,!0)),y(t,r)}),d(n),y(t,n)},children:(n,a)=>{var o=Z(),c=t(o),l=r(c),u=s(l,!0),h=b(l,2);F(h,{get text(){return v(p)},name:`example`}),d(c),i(2),e(()=>{m(l,`aria-label`,`${v(f)??``} example`),E(u,v(p))}),y(n,o)},$$slots:{tools:!0,default:!0}}),l()}h([`click`]);var $=S(`<!> <div class="stack svelte-hm7qji"><!> <!> <!></div>`,1);function ee(e){let n=c(``);var i=$(),a=t(i);N(a,{title:`Send your first event`,ranged:!1,zoned:!1});var s=b(a,2),l=r(s);K(l,{get key(){return v(n)},onmade:e=>o(n,e,!0)});var u=b(l,2);Q(u,{get key(){return v(n)}}),V(b(u,2),{}),d(s),y(e,i)}export{ee as default};