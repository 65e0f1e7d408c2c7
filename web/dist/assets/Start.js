import{Bt as e,Gn as t,Ht as n,Ln as r,M as i,Mn as a,N as o,P as s,Qn as c,Rn as l,Tn as u,Vn as d,Wn as f,Zn as p,_n as m,_r as h,br as g,cr as _,er as v,fr as y,gt as b,k as x,lr as S,mr as C,pr as w,qn as T,qt as E,rr as D,sr as O,ur as k,vn as A,vr as j,vt as M,xr as N,yr as P,yt as F}from"./shared.js";import{t as I}from"./uuid.js";import{t as L}from"./Copy.js";var R=T(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(e,n){let i=A(n,`done`,3,!1);var o=R();let s;var c=O(o),l=O(c),u=S(l,!0),d=k(l,2),p=S(d,!0),m=k(d,2);r(m,()=>n.tools??N),g(c);var h=k(c,2);r(h,()=>n.children),g(o),D(()=>{s=a(o,1,`card svelte-10hrrs9`,null,s,{done:i()}),f(u,n.number),f(p,n.title)}),t(e,o)}var B=T(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=T(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This is updated automatically. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=T(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(r,a){j(a,!0);let s=w(void 0),l=w(void 0),p=w(!1),T=0,A=w(0),N=w(void 0);m(()=>{let e=!1;async function t(){let e=(await n(`/api/stats/events/latest`,x({limit:1}))).data.at(0);v(N)===void 0?y(N,e?.event_id??``,!0):e&&e.event_id!==v(N)&&P(e)}async function r(){for(;!e&&!v(s);)await t().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return r(),()=>e=!0});function P(e){y(s,e),T&&y(A,(performance.now()-T)/1e3)}async function L(){y(p,!0),y(l,void 0),T=performance.now();let e=M.project?.id;try{let{position:t}=await E(`POST`,`/api/events`,{event_id:I(),occurred_at:new Date().toISOString(),user_id:F.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(i,{project:e,position:t})}catch(e){y(l,e,!0),T=0}finally{y(p,!1)}}{let n=C(()=>v(s)?`It is here`:v(N)?`Waiting for the next event…`:`Waiting for your first event…`),i=C(()=>v(s)!==void 0);z(r,{number:3,get title(){return v(n)},get done(){return v(i)},children:(n,r)=>{var i=H(),a=_(i),m=O(a),h=n=>{var r=B(),i=_(r),a=O(i);b(a,{name:`check`,size:22}),g(i);var o=k(i,2),c=O(o),l=O(c),d=S(l,!0),p=k(l,2),m=S(p,!0);g(c);var h=k(c,2),y=S(h,!0);g(o);var x=k(o,2);D((e,t)=>{f(d,v(s).event_type),f(m,v(s).user_id),f(y,e),u(x,`href`,t)},[()=>v(A)?`counted ${v(A).toFixed(1)} s after it was sent`:`counted just now`,()=>e.link(`/`)]),t(n,r)},y=e=>{var n=V(),r=k(_(n),4);D(()=>r.disabled=v(p)||!M.mayWrite),c(`click`,r,L),t(e,n)};d(m,e=>{v(s)?e(h):e(y,-1)}),g(a);var x=k(a,2),C=e=>{o(e,{get error(){return v(l)},again:L})};d(x,e=>{v(l)&&e(C)}),t(n,i)},$$slots:{default:!0}})}h()}p([`click`]);var W=T(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=T(`<p class="small svelte-1o3w4ok"> </p>`),K=T(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=T(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(e,n){j(n,!0);let r=w(void 0),i=w(!1);async function a(){y(i,!0),y(r,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,t=await E(`POST`,`/api/projects/${M.project?.id}/keys`,{name:e,scope:`ingest`});n.onmade(t.key)}catch(e){y(r,e,!0)}finally{y(i,!1)}}z(e,{number:1,title:`Make a key`,children:(e,s)=>{var l=q(),u=k(_(l),2),p=e=>{var r=W(),i=O(r),a=S(i,!0),o=k(i);L(o,{get text(){return n.key},name:`key`}),g(r),D(()=>f(a,n.key)),t(e,r)},m=e=>{var n=K(),r=_(n),o=k(r,2),s=e=>{var n=G(),r=S(n);D(()=>f(r,`Only owners make keys. Ask an owner of ${M.project.name??``}.`)),t(e,n)};d(o,e=>{M.project&&!M.mayManage&&e(s)}),D(()=>r.disabled=v(i)||!M.mayManage),c(`click`,r,a),t(e,n)};d(u,e=>{n.key?e(p):e(m,-1)});var h=k(u,2),y=e=>{o(e,{get error(){return v(r)}})};d(h,e=>{v(r)&&e(y)}),t(e,l)},$$slots:{default:!0}}),h()}p([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=T(`<button> </button>`),Q=T(`<div class="seg" role="group" aria-label="Language"></div>`),$=T(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(e,n){j(n,!0);let r=w(`curl`),i=C(()=>X(v(r),location.origin,n.key||`YOUR_KEY`));z(e,{number:2,title:`Post an event`,tools:e=>{var n=Q();l(n,20,()=>Y,e=>e,(e,n)=>{var i=Z(),a=S(i,!0);D(()=>{u(i,`aria-pressed`,v(r)===n),f(a,n)}),c(`click`,i,()=>y(r,n,!0)),t(e,i)}),g(n),t(e,n)},children:(e,n)=>{var a=$(),o=_(a),s=O(o),c=S(s,!0),l=k(s,2);L(l,{get text(){return v(i)},name:`example`}),g(o),P(2),D(()=>{u(s,`aria-label`,`${v(r)??``} example`),f(c,v(i))}),t(e,a)},$$slots:{tools:!0,default:!0}}),h()}p([`click`]);var te=T(`<p class="small muted">Is there history in a file? <a class="svelte-hm7qji">Import a CSV or NDJSON file</a></p>`),ne=T(`<!> <div class="stack svelte-hm7qji"><!> <!> <!> <!></div>`,1);function re(n,r){j(r,!0);let i=w(``);var a=ne(),o=_(a);s(o,{title:`Send your first event`,ranged:!1,zoned:!1});var c=k(o,2),l=O(c);J(l,{get key(){return v(i)},onmade:e=>y(i,e,!0)});var f=k(l,2);ee(f,{get key(){return v(i)}});var p=k(f,2);U(p,{});var m=k(p,2),b=n=>{var r=te(),i=k(O(r));g(r),D(e=>u(i,`href`,e),[()=>e.link(`/settings`,{tab:`import`})]),t(n,r)};d(m,e=>{M.mayWrite&&e(b)}),g(c),t(n,a),h()}export{re as default};