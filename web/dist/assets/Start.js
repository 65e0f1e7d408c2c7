import{At as e,Bt as t,Lt as n,Nt as r,Ot as i,P as a,Qt as o,Rt as s,Tt as c,Wt as l,Xt as u,Yt as d,Zt as f,at as p,c as m,cn as h,en as g,ft as _,it as v,j as y,jt as b,l as x,ln as S,n as C,on as w,rn as T,sn as E,tn as D,un as O,wt as k,yt as A,z as j}from"./index.js";import{t as M}from"./Head.js";import{t as N}from"./question.svelte.js";import{t as P}from"./uuid.js";import{t as F}from"./written.svelte.js";import{t as I}from"./Trouble.js";import{t as L}from"./Copy.js";var R=r(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(t,n){let r=p(n,`done`,3,!1);var i=R();let a;var s=d(i),c=d(s),u=f(c,!0),m=o(c,2),h=f(m,!0),g=o(m,2);k(g,()=>n.tools??O),S(s);var _=o(s,2);k(_,()=>n.children),S(i),l(()=>{a=A(i,1,`card svelte-10hrrs9`,null,a,{done:r()}),e(u,n.number),e(h,n.title)}),b(t,i)}var B=r(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=r(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=r(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(n,r){E(r,!0);let c=D(void 0),p=D(void 0),h=D(!1),O=0,k=D(0);v(()=>{let e=!1,n;async function r(){let e=(await a(`/api/stats/events/latest`,N({limit:1}))).data.at(0);n===void 0?n=e?.event_id??``:e&&e.event_id!==n&&A(e)}async function i(){for(;!e&&!t(c);)await r().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return i(),()=>e=!0});function A(e){g(c,e),O&&g(k,(performance.now()-O)/1e3)}async function M(){g(h,!0),g(p,void 0),O=performance.now();let e=m.project?.id;try{let{position:t}=await j(`POST`,`/api/events`,{event_id:P(),occurred_at:new Date().toISOString(),user_id:x.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(F,{project:e,position:t})}catch(e){g(p,e,!0),O=0}finally{g(h,!1)}}{let r=T(()=>t(c)?`It is here`:`Waiting for your first event…`),a=T(()=>t(c)!==void 0);z(n,{number:3,get title(){return t(r)},get done(){return t(a)},children:(n,r)=>{var a=H(),g=u(a),v=d(g),x=n=>{var r=B(),i=u(r),a=d(i);C(a,{name:`check`,size:22}),S(i);var s=o(i,2),p=d(s),m=d(p),h=f(m,!0),g=o(m,2),v=f(g,!0);S(p);var x=o(p,2),w=f(x,!0);S(s);var T=o(s,2);l((n,r)=>{e(h,t(c).event_type),e(v,t(c).user_id),e(w,n),_(T,`href`,r)},[()=>t(k)?`counted ${t(k).toFixed(1)} s after it was sent`:`counted just now`,()=>y.link(`/`)]),b(n,r)},w=e=>{var n=V(),r=o(u(n),4);l(()=>r.disabled=t(h)||!m.mayWrite),s(`click`,r,M),b(e,n)};i(v,e=>{t(c)?e(x):e(w,-1)}),S(g);var T=o(g,2),E=e=>{I(e,{get error(){return t(p)},again:M})};i(T,e=>{t(p)&&e(E)}),b(n,a)},$$slots:{default:!0}})}w()}n([`click`]);var W=r(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=r(`<p class="small svelte-1o3w4ok"> </p>`),K=r(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=r(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(n,r){E(r,!0);let a=D(void 0),c=D(!1);async function p(){g(c,!0),g(a,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await j(`POST`,`/api/projects/${m.project?.id}/keys`,{name:e,scope:`ingest`});r.onmade(t.key)}catch(e){g(a,e,!0)}finally{g(c,!1)}}z(n,{number:1,title:`Make a key`,children:(n,h)=>{var g=q(),_=o(u(g),2),v=t=>{var n=W(),i=d(n),a=f(i,!0),s=o(i);L(s,{get text(){return r.key},name:`key`}),S(n),l(()=>e(a,r.key)),b(t,n)},y=n=>{var r=K(),a=u(r),d=o(a,2),h=t=>{var n=G(),r=f(n);l(()=>e(r,`Only owners make keys. Ask an owner of ${m.project.name??``}.`)),b(t,n)};i(d,e=>{m.project&&!m.mayManage&&e(h)}),l(()=>a.disabled=t(c)||!m.mayManage),s(`click`,a,p),b(n,r)};i(_,e=>{r.key?e(v):e(y,-1)});var x=o(_,2),C=e=>{I(e,{get error(){return t(a)}})};i(x,e=>{t(a)&&e(C)}),b(n,g)},$$slots:{default:!0}}),w()}n([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=r(`<button> </button>`),Q=r(`<div class="seg" role="group" aria-label="Language"></div>`),$=r(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(n,r){E(r,!0);let i=D(`curl`),a=T(()=>X(t(i),location.origin,r.key||`YOUR_KEY`));z(n,{number:2,title:`Post an event`,tools:n=>{var r=Q();c(r,20,()=>Y,e=>e,(n,r)=>{var a=Z(),o=f(a,!0);l(()=>{_(a,`aria-pressed`,t(i)===r),e(o,r)}),s(`click`,a,()=>g(i,r,!0)),b(n,a)}),S(r),b(n,r)},children:(n,r)=>{var s=$(),c=u(s),p=d(c),m=f(p,!0),g=o(p,2);L(g,{get text(){return t(a)},name:`example`}),S(c),h(2),l(()=>{_(p,`aria-label`,`${t(i)??``} example`),e(m,t(a))}),b(n,s)},$$slots:{tools:!0,default:!0}}),w()}n([`click`]);var te=r(`<p class="small muted">Is there history in a file? <a class="svelte-hm7qji">Import a CSV or NDJSON file</a></p>`),ne=r(`<!> <div class="stack svelte-hm7qji"><!> <!> <!> <!></div>`,1);function re(e,n){E(n,!0);let r=D(``);var a=ne(),s=u(a);M(s,{title:`Send your first event`,ranged:!1,zoned:!1});var c=o(s,2),f=d(c);J(f,{get key(){return t(r)},onmade:e=>g(r,e,!0)});var p=o(f,2);ee(p,{get key(){return t(r)}});var h=o(p,2);U(h,{});var v=o(h,2),x=e=>{var t=te(),n=o(d(t));S(t),l(e=>_(n,`href`,e),[()=>y.link(`/settings`,{tab:`import`})]),b(e,t)};i(v,e=>{m.mayWrite&&e(x)}),S(c),b(e,a),w()}export{re as default};