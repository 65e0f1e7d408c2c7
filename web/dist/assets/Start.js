import{A as e,C as t,Ht as n,It as r,J as i,O as a,Ot as o,St as s,T as c,Ut as l,Vt as u,Wt as d,Y as f,Yt as p,Zt as m,an as h,bt as g,en as _,ht as v,i as y,in as b,jt as x,kt as S,lt as C,mt as w,n as T,nt as E,on as D,qt as O,tn as k,vt as A,wt as j}from"./index.js";import{t as M}from"./Head.js";import{t as N}from"./question.svelte.js";import{t as P}from"./uuid.js";import{t as F}from"./written.svelte.js";import{t as I}from"./Trouble.js";import{t as L}from"./Copy.js";var R=j(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(e,t){let n=f(t,`done`,3,!1);var i=R();let a;var o=u(i),c=u(o),p=l(c,!0),m=d(c,2),_=l(m,!0),v=d(m,2);w(v,()=>t.tools??D),h(o);var y=d(o,2);w(y,()=>t.children),h(i),r(()=>{a=C(i,1,`card svelte-10hrrs9`,null,a,{done:n()}),g(p,t.number),g(_,t.title)}),s(e,i)}var B=j(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=j(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=j(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(o,f){k(f,!0);let v=p(void 0),b=p(void 0),C=p(!1),w=0,D=p(0);i(()=>{let e=!1,t;async function n(){let e=(await a(`/api/stats/events/latest`,N({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&j(e)}async function r(){for(;!e&&!x(v);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function j(e){O(v,e),w&&O(D,(performance.now()-w)/1e3)}async function M(){O(C,!0),O(b,void 0),w=performance.now();let n=y.project?.id;try{let{position:r}=await e(`POST`,`/api/events`,{event_id:P(),occurred_at:new Date().toISOString(),user_id:t.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(n)});Object.assign(F,{project:n,position:r})}catch(e){O(b,e,!0),w=0}finally{O(C,!1)}}{let e=m(()=>x(v)?`It is here`:`Waiting for your first event…`),t=m(()=>x(v)!==void 0);z(o,{number:3,get title(){return x(e)},get done(){return x(t)},children:(e,t)=>{var i=H(),a=n(i),o=u(a),f=e=>{var t=B(),i=n(t),a=u(i);T(a,{name:`check`,size:22}),h(i);var o=d(i,2),f=u(o),p=u(f),m=l(p,!0),_=d(p,2),y=l(_,!0);h(f);var b=d(f,2),S=l(b,!0);h(o);var C=d(o,2);r((e,t)=>{g(m,x(v).event_type),g(y,x(v).user_id),g(S,e),E(C,`href`,t)},[()=>x(D)?`counted ${x(D).toFixed(1)} s after it was sent`:`counted just now`,()=>c.link(`/`)]),s(e,t)},p=e=>{var t=V(),i=d(n(t),4);r(()=>i.disabled=x(C)||!y.mayWrite),S(`click`,i,M),s(e,t)};A(o,e=>{x(v)?e(f):e(p,-1)}),h(a);var m=d(a,2),_=e=>{I(e,{get error(){return x(b)},again:M})};A(m,e=>{x(b)&&e(_)}),s(e,i)},$$slots:{default:!0}})}_()}o([`click`]);var W=j(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=j(`<p class="small svelte-1o3w4ok"> </p>`),K=j(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=j(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(t,i){k(i,!0);let a=p(void 0),o=p(!1);async function c(){O(o,!0),O(a,void 0);try{let t=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,n=await e(`POST`,`/api/projects/${y.project?.id}/keys`,{name:t,scope:`ingest`});i.onmade(n.key)}catch(e){O(a,e,!0)}finally{O(o,!1)}}z(t,{number:1,title:`Make a key`,children:(e,t)=>{var f=q(),p=d(n(f),2),m=e=>{var t=W(),n=u(t),a=l(n,!0),o=d(n);L(o,{get text(){return i.key},name:`key`}),h(t),r(()=>g(a,i.key)),s(e,t)},_=e=>{var t=K(),i=n(t),a=d(i,2),u=e=>{var t=G(),n=l(t);r(()=>g(n,`Viewers cannot make keys. Ask an owner of ${y.project.name??``}.`)),s(e,t)};A(a,e=>{y.project&&!y.mayWrite&&e(u)}),r(()=>i.disabled=x(o)||!y.mayWrite),S(`click`,i,c),s(e,t)};A(p,e=>{i.key?e(m):e(_,-1)});var v=d(p,2),b=e=>{I(e,{get error(){return x(a)}})};A(v,e=>{x(a)&&e(b)}),s(e,f)},$$slots:{default:!0}}),_()}o([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=j(`<button> </button>`),Q=j(`<div class="seg" role="group" aria-label="Language"></div>`),$=j(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(e,t){k(t,!0);let i=p(`curl`),a=m(()=>X(x(i),location.origin,t.key||`YOUR_KEY`));z(e,{number:2,title:`Post an event`,tools:e=>{var t=Q();v(t,20,()=>Y,e=>e,(e,t)=>{var n=Z(),a=l(n,!0);r(()=>{E(n,`aria-pressed`,x(i)===t),g(a,t)}),S(`click`,n,()=>O(i,t,!0)),s(e,n)}),h(t),s(e,t)},children:(e,t)=>{var o=$(),c=n(o),f=u(c),p=l(f,!0),m=d(f,2);L(m,{get text(){return x(a)},name:`example`}),h(c),b(2),r(()=>{E(f,`aria-label`,`${x(i)??``} example`),g(p,x(a))}),s(e,o)},$$slots:{tools:!0,default:!0}}),_()}o([`click`]);var te=j(`<p class="small muted">Is there history in a file? <a class="svelte-hm7qji">Import a CSV or NDJSON file</a></p>`),ne=j(`<!> <div class="stack svelte-hm7qji"><!> <!> <!> <!></div>`,1);function re(e,t){k(t,!0);let i=p(``);var a=ne(),o=n(a);M(o,{title:`Send your first event`,ranged:!1,zoned:!1});var l=d(o,2),f=u(l);J(f,{get key(){return x(i)},onmade:e=>O(i,e,!0)});var m=d(f,2);ee(m,{get key(){return x(i)}});var g=d(m,2);U(g,{});var v=d(g,2),b=e=>{var t=te(),n=d(u(t));h(t),r(e=>E(n,`href`,e),[()=>c.link(`/settings`,{tab:`import`})]),s(e,t)};A(v,e=>{y.mayWrite&&e(b)}),h(l),s(e,a),_()}export{re as default};