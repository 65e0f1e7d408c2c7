import{An as e,Cn as t,Fn as n,Gn as r,Hn as i,In as a,Kt as o,M as s,N as c,P as l,Qn as u,Un as d,Vt as f,Xn as p,Yn as m,_r as h,ar as g,cr as _,dr as v,fr as y,gn as b,gr as x,gt as S,hn as C,hr as w,k as T,or as E,sr as D,tr as O,ur as k,vr as A,vt as j,yr as M,yt as N,zn as P,zt as F}from"./shared.js";import{t as I}from"./uuid.js";import{t as L}from"./Copy.js";var R=r(`<section><header><b aria-hidden="true" class="svelte-10hrrs9"> </b> <h2 class="svelte-10hrrs9"> </h2> <!></header> <!></section>`);function z(t,r){let a=b(r,`done`,3,!1);var o=R();let s;var c=g(o),l=g(c),u=D(l,!0),f=_(l,2),p=D(f,!0),m=_(f,2);n(m,()=>r.tools??M),A(c);var h=_(c,2);n(h,()=>r.children),A(o),O(()=>{s=e(o,1,`card svelte-10hrrs9`,null,s,{done:a()}),i(u,r.number),i(p,r.title)}),d(t,o)}var B=r(`<span class="tick svelte-srj2w8"><!></span> <div><p><b> </b> of user <b> </b></p> <p class="muted small"> </p></div> <a class="btn primary svelte-srj2w8">Open the overview</a>`,1),V=r(`<span class="radar svelte-srj2w8"><i class="svelte-srj2w8"></i><i class="svelte-srj2w8"></i></span> <p class="muted small">This changes by itself. Nothing at hand to post with?</p> <button class="btn svelte-srj2w8">Send a test event from here</button>`,1),H=r(`<div class="state svelte-srj2w8" aria-live="polite"><!></div> <!>`,1);function U(e,n){x(n,!0);let r=v(void 0),a=v(void 0),l=v(!1),m=0,h=v(0);C(()=>{let e=!1,t;async function n(){let e=(await f(`/api/stats/events/latest`,T({limit:1}))).data.at(0);t===void 0?t=e?.event_id??``:e&&e.event_id!==t&&b(e)}async function i(){for(;!e&&!u(r);)await n().catch(()=>{}),await new Promise(e=>setTimeout(e,document.hidden?3e3:400))}return i(),()=>e=!0});function b(e){k(r,e),m&&k(h,(performance.now()-m)/1e3)}async function M(){k(l,!0),k(a,void 0),m=performance.now();let e=j.project?.id;try{let{position:t}=await o(`POST`,`/api/events`,{event_id:I(),occurred_at:new Date().toISOString(),user_id:N.user?.username??`test`,event_type:`test_event`,properties:{from:`dashboard`}},{"X-Project":String(e)});Object.assign(s,{project:e,position:t})}catch(e){k(a,e,!0),m=0}finally{k(l,!1)}}{let n=y(()=>u(r)?`It is here`:`Waiting for your first event…`),o=y(()=>u(r)!==void 0);z(e,{number:3,get title(){return u(n)},get done(){return u(o)},children:(e,n)=>{var o=H(),s=E(o),f=g(s),m=e=>{var n=B(),a=E(n),o=g(a);S(o,{name:`check`,size:22}),A(a);var s=_(a,2),c=g(s),l=g(c),f=D(l,!0),p=_(l,2),m=D(p,!0);A(c);var v=_(c,2),y=D(v,!0);A(s);var b=_(s,2);O((e,n)=>{i(f,u(r).event_type),i(m,u(r).user_id),i(y,e),t(b,`href`,n)},[()=>u(h)?`counted ${u(h).toFixed(1)} s after it was sent`:`counted just now`,()=>F.link(`/`)]),d(e,n)},v=e=>{var t=V(),n=_(E(t),4);O(()=>n.disabled=u(l)||!j.mayWrite),p(`click`,n,M),d(e,t)};P(f,e=>{u(r)?e(m):e(v,-1)}),A(s);var y=_(s,2),b=e=>{c(e,{get error(){return u(a)},again:M})};P(y,e=>{u(a)&&e(b)}),d(e,o)},$$slots:{default:!0}})}w()}m([`click`]);var W=r(`<div class="line"><code class="svelte-1o3w4ok"> </code><!></div>`),G=r(`<p class="small svelte-1o3w4ok"> </p>`),K=r(`<button class="btn primary">Make an ingest key</button> <!>`,1),q=r(`<p class="muted small svelte-1o3w4ok">A key of scope <i>ingest</i> can post events and read nothing. It is shown once.</p> <!> <!>`,1);function J(e,t){x(t,!0);let n=v(void 0),r=v(!1);async function a(){k(r,!0),k(n,void 0);try{let e=`Start ${new Date().toISOString().slice(0,16).replace(`T`,` `)}`,n=await o(`POST`,`/api/projects/${j.project?.id}/keys`,{name:e,scope:`ingest`});t.onmade(n.key)}catch(e){k(n,e,!0)}finally{k(r,!1)}}z(e,{number:1,title:`Make a key`,children:(e,o)=>{var s=q(),l=_(E(s),2),f=e=>{var n=W(),r=g(n),a=D(r,!0),o=_(r);L(o,{get text(){return t.key},name:`key`}),A(n),O(()=>i(a,t.key)),d(e,n)},m=e=>{var t=K(),n=E(t),o=_(n,2),s=e=>{var t=G(),n=D(t);O(()=>i(n,`Only owners make keys. Ask an owner of ${j.project.name??``}.`)),d(e,t)};P(o,e=>{j.project&&!j.mayManage&&e(s)}),O(()=>n.disabled=u(r)||!j.mayManage),p(`click`,n,a),d(e,t)};P(l,e=>{t.key?e(f):e(m,-1)});var h=_(l,2),v=e=>{c(e,{get error(){return u(n)}})};P(h,e=>{u(n)&&e(v)}),d(e,s)},$$slots:{default:!0}}),w()}m([`click`]);var Y=[`curl`,`JavaScript`,`Python`,`Go`];function X(e,t,n){switch(e){case`curl`:return`curl ${t}/api/events \\
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
response, err := http.DefaultClient.Do(request)`}}var Z=r(`<button> </button>`),Q=r(`<div class="seg" role="group" aria-label="Language"></div>`),$=r(`<div class="code svelte-4kv33l"><pre tabindex="0" class="svelte-4kv33l"> </pre> <!></div> <p class="muted small">Send the same event again as often as you like: its <code>event_id</code> makes it count once. <a href="/docs" class="svelte-4kv33l">All fields and limits</a></p>`,1);function ee(e,n){x(n,!0);let r=v(`curl`),o=y(()=>X(u(r),location.origin,n.key||`YOUR_KEY`));z(e,{number:2,title:`Post an event`,tools:e=>{var n=Q();a(n,20,()=>Y,e=>e,(e,n)=>{var a=Z(),o=D(a,!0);O(()=>{t(a,`aria-pressed`,u(r)===n),i(o,n)}),p(`click`,a,()=>k(r,n,!0)),d(e,a)}),A(n),d(e,n)},children:(e,n)=>{var a=$(),s=E(a),c=g(s),l=D(c,!0),f=_(c,2);L(f,{get text(){return u(o)},name:`example`}),A(s),h(2),O(()=>{t(c,`aria-label`,`${u(r)??``} example`),i(l,u(o))}),d(e,a)},$$slots:{tools:!0,default:!0}}),w()}m([`click`]);var te=r(`<p class="small muted">Is there history in a file? <a class="svelte-hm7qji">Import a CSV or NDJSON file</a></p>`),ne=r(`<!> <div class="stack svelte-hm7qji"><!> <!> <!> <!></div>`,1);function re(e,n){x(n,!0);let r=v(``);var i=ne(),a=E(i);l(a,{title:`Send your first event`,ranged:!1,zoned:!1});var o=_(a,2),s=g(o);J(s,{get key(){return u(r)},onmade:e=>k(r,e,!0)});var c=_(s,2);ee(c,{get key(){return u(r)}});var f=_(c,2);U(f,{});var p=_(f,2),m=e=>{var n=te(),r=_(g(n));A(n),O(e=>t(r,`href`,e),[()=>F.link(`/settings`,{tab:`import`})]),d(e,n)};P(p,e=>{j.mayWrite&&e(m)}),A(o),d(e,i),w()}export{re as default};