// SPDX-License-Identifier: GPL-2.0
/*
 * Kinds: modules that make sources when the administrator says so, and the
 * parameters in "key=value key=value" form that they take.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <net/net_namespace.h>

#include "core.h"

struct kind_entry {
	struct list_head node;
	const struct statchan_kind *kind;
};

/* the list of kinds, which sources they made, and create */
static DEFINE_MUTEX(statchan_kinds_lock);
/* (leaf) source.kind and source.params, for who describes a source: that waits for no
 * create, and both change under statchan_kinds_lock, too
 */
static DEFINE_MUTEX(kind_params_lock);
static LIST_HEAD(kinds);			/* statchan_kinds_lock */
static LIST_HEAD(made);				/* same; source.made */
static DECLARE_WAIT_QUEUE_HEAD(destroyed);

static const struct statchan_kind *kind_find(const char *name)
{
	struct kind_entry *entry;

	list_for_each_entry(entry, &kinds, node)
		if (!strcmp(entry->kind->name, name))
			return entry->kind;
	return NULL;
}

/* What is wrong with a kind, or NULL */
static const char *kind_fault(const struct statchan_kind *kind)
{
	u32 i, n;

	if (!kind->create || !kind->destroy)
		return "it needs create() and destroy()";
	if (kind->n_params > STATCHAN_KIND_PARAMS)
		return "it has too many parameters";
	for (i = 0; i < kind->n_params; i++) {
		const struct statchan_param *p = &kind->params[i];

		if (p->runtime && !kind->set)
			return "a parameter can be set at run time, and there is no set()";
		for (n = 0; p->choices && p->choices[n]; n++)
			;
		if (p->choices ? p->def >= n : p->def < p->min || p->def > p->max)
			return "the default of a parameter is none of its values";
	}
	return NULL;
}

int statchan_kind_register(const struct statchan_kind *kind)
{
	const char *fault = kind_fault(kind);
	struct kind_entry *entry;
	int ret = 0;

	if (fault) {
		pr_err("statchan: kind '%s': %s\n", kind->name, fault);
		return -EINVAL;
	}
	entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->kind = kind;
	mutex_lock(&statchan_kinds_lock);
	if (kind_find(kind->name)) {
		kfree(entry);
		ret = -EEXIST;
	} else {
		list_add_tail(&entry->node, &kinds);
	}
	mutex_unlock(&statchan_kinds_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(statchan_kind_register);

/* Return: a counted source that @kind (NULL: any kind) made in @net (NULL: any), or
 * NULL. It may be on its way out.
 */
static struct statchan_source *kind_made(const struct statchan_kind *kind,
					 struct net *net)
{
	struct statchan_source *src;

	lockdep_assert_held(&statchan_kinds_lock);
	list_for_each_entry(src, &made, made) {
		if ((kind && src->kind != kind) || (net && src->net != net))
			continue;
		kref_get(&src->ref);
		return src;
	}
	return NULL;
}

/* Return: a counted source that somebody destroys, or will, or NULL */
static struct statchan_source *kind_ending(struct net *net, const char *name)
{
	struct statchan_source *src;

	lockdep_assert_held(&statchan_kinds_lock);
	list_for_each_entry(src, &made, made) {
		if (src->net != net || strcmp(src->name, name))
			continue;
		if (!src->ending &&
		    !(src->kind->lost && src->kind->lost(src->priv)))
			continue;
		kref_get(&src->ref);
		return src;
	}
	return NULL;
}

/*
 * Unregisters and frees the source, or waits until who came first has. That waits for
 * a set, a snapshot, or who opens its text: so statchan_kinds_lock, which is held before
 * and after, is not meanwhile. The caller's reference keeps the struct.
 */
static void kind_destroy(struct statchan_source *src)
{
	const struct statchan_kind *kind = src->kind;
	bool first = !src->ending;

	lockdep_assert_held(&statchan_kinds_lock);
	src->ending = true;
	mutex_unlock(&statchan_kinds_lock);
	if (!first) {
		/* pairs with the store below: then all of it is over */
		wait_event(destroyed, smp_load_acquire(&src->destroyed));
		mutex_lock(&statchan_kinds_lock);
		return;
	}
	if (kind->cancel)
		kind->cancel(src->priv);
	/* a set that goes on ends first, and who waits to set finds it unmade */
	mutex_lock(&src->set_lock);
	src->unmade = true;
	mutex_unlock(&src->set_lock);
	kind->destroy(src, src->priv);

	mutex_lock(&statchan_kinds_lock);
	list_del(&src->made);
	mutex_lock(&kind_params_lock);
	src->kind = NULL;
	mutex_unlock(&kind_params_lock);
	/* the last that is done for the source; pairs with the load above */
	smp_store_release(&src->destroyed, true);
	wake_up_all(&destroyed);
}

/* Destroy what @kind, or any, made in @net, or anywhere if NULL. */
static void kind_destroy_all(const struct statchan_kind *kind, struct net *net)
{
	struct statchan_source *src;

	while ((src = kind_made(kind, net))) {
		kind_destroy(src);
		statchan_source_put(src);
	}
}

void statchan_kind_unregister(const struct statchan_kind *kind)
{
	struct kind_entry *entry, *next;

	mutex_lock(&statchan_kinds_lock);
	list_for_each_entry_safe(entry, next, &kinds, node) {
		if (entry->kind == kind) {
			list_del(&entry->node);
			kfree(entry);
		}
	}
	kind_destroy_all(kind, NULL);
	mutex_unlock(&statchan_kinds_lock);
}
EXPORT_SYMBOL_GPL(statchan_kind_unregister);

void statchan_kind_net_exit(struct net *net)
{
	mutex_lock(&statchan_kinds_lock);
	kind_destroy_all(NULL, net);
	mutex_unlock(&statchan_kinds_lock);
}

void statchan_kind_gone(u32 id)
{
	struct statchan_source *src;

	mutex_lock(&statchan_kinds_lock);
	list_for_each_entry(src, &made, made) {
		if (src->id != id || src->ending)
			continue;
		kref_get(&src->ref);
		kind_destroy(src);
		statchan_source_put(src);
		break;
	}
	mutex_unlock(&statchan_kinds_lock);
}
EXPORT_SYMBOL_GPL(statchan_kind_gone);

/* ---- parameters ---- */

static int param_value(const struct statchan_param *p, const char *text,
		       u64 *value, struct statchan_err *err)
{
	u32 i;

	if (p->choices) {
		for (i = 0; p->choices[i]; i++) {
			if (!strcmp(p->choices[i], text)) {
				*value = i;
				return 0;
			}
		}
		return statchan_err(err, -EINVAL, "parameter %s: '%.32s' is none of its values: %s%s%s ...",
				    p->key, text, p->choices[0],
				    p->choices[1] ? ", " : "",
				    p->choices[1] ?: "");
	}
	if (kstrtou64(text, 10, value))
		return statchan_err(err, -EINVAL, "parameter %s: '%.32s' is not a number (%s)",
				    p->key, text, p->help);
	if (*value < p->min || *value > p->max)
		return statchan_err(err, -ERANGE, "parameter %s: %llu is not in %llu..%llu (%s)",
				    p->key, *value, p->min, p->max, p->help);
	return 0;
}

static int param_find(const struct statchan_kind *kind, const char *key,
		      struct statchan_err *err)
{
	char keys[120] = "";
	u32 i;

	for (i = 0; i < kind->n_params; i++)
		if (!strcmp(kind->params[i].key, key))
			return i;
	for (i = 0; i < kind->n_params; i++) {
		strlcat(keys, " ", sizeof(keys));
		strlcat(keys, kind->params[i].key, sizeof(keys));
	}
	return statchan_err(err, -EINVAL, "kind %s has no parameter '%.24s'; it has: rate%s",
			    kind->name, key, keys);
}

/* Split "key=value key=value", which is written to, for @fn */
static int params_each(char *text,
		       int (*fn)(void *ctx, const char *key, const char *value,
				 struct statchan_err *err),
		       void *ctx, struct statchan_err *err)
{
	char *pair, *value;
	int ret;

	while ((pair = strsep(&text, " \t\n"))) {
		if (!*pair)
			continue;
		value = strchr(pair, '=');
		if (!value || value == pair)
			return statchan_err(err, -EINVAL, "'%.32s' is not key=value",
					    pair);
		*value++ = 0;
		ret = fn(ctx, pair, value, err);
		if (ret)
			return ret;
	}
	return 0;
}

struct params {
	const struct statchan_kind *kind;	/* NULL: only "rate" */
	u64 value[STATCHAN_KIND_PARAMS];
	u32 given;				/* bit i: value[i] was named */
	u64 rate;				/* 0: not named */
	bool runtime;
	bool may_wait;
};

static const struct statchan_param rate_param = {
	.key = "rate", .help = "sample 1 in so many packets",
	.min = 1, .max = STATCHAN_RATE_MAX, .def = 1, .runtime = true,
};

static int params_one(void *ctx, const char *key, const char *value,
		      struct statchan_err *err)
{
	struct params *params = ctx;
	int i;

	if (!strcmp(key, rate_param.key))
		return param_value(&rate_param, value, &params->rate, err);
	if (!params->kind)
		return statchan_err(err, -EINVAL, "parameter '%.24s': a driver's own source has only rate",
				    key);
	i = param_find(params->kind, key, err);
	if (i < 0)
		return i;
	if (params->runtime && !params->kind->params[i].runtime)
		return statchan_err(err, -EPERM, "parameter %s is fixed when the source is added: delete it and add it anew",
				    key);
	if (params->runtime && params->kind->params[i].waits && !params->may_wait)
		return statchan_err(err, -EPERM, "parameter %s waits, and with it all users of generic netlink: that is for root of the machine, or over the device",
				    key);
	params->given |= BIT(i);
	return param_value(&params->kind->params[i], value, &params->value[i],
			   err);
}

static int params_parse(struct params *params, const char *text,
			struct statchan_err *err)
{
	char *copy;
	int ret;

	if (!text)
		return 0;
	copy = kstrdup(text, GFP_KERNEL);
	if (!copy)
		return statchan_err(err, -ENOMEM, "no memory for parameters");
	ret = params_each(copy, params_one, params, err);
	kfree(copy);
	return ret;
}

/* The kind's name, and "rate=1 key=value ...": what is in force */
void statchan_kind_format(struct statchan_source *src, char *kind_name,
			  size_t kind_len, char *buf, size_t len)
{
	const struct statchan_kind *kind;
	size_t at;
	u32 i;

	mutex_lock(&kind_params_lock);
	kind = src->kind;
	strscpy(kind_name, kind ? kind->name : "driver", kind_len);
	at = scnprintf(buf, len, "rate=%u", READ_ONCE(src->rate));
	for (i = 0; kind && i < kind->n_params; i++) {
		const struct statchan_param *p = &kind->params[i];

		if (p->choices)
			at += scnprintf(buf + at, len - at, " %s=%s", p->key,
					p->choices[src->params[i]]);
		else
			at += scnprintf(buf + at, len - at, " %s=%llu", p->key,
					src->params[i]);
	}
	mutex_unlock(&kind_params_lock);
}

/* ---- add, del, set ---- */

static int kind_create(struct net *net, const struct statchan_kind *kind,
		       const char *name, const char *text, u32 *id,
		       struct statchan_err *err)
{
	struct statchan_source *src;
	struct params params = { .kind = kind };
	int ret;
	u32 i;

	if (net->user_ns != &init_user_ns &&
	    !(kind->user_namespaces && READ_ONCE(*kind->user_namespaces)))
		return statchan_err(err, -EPERM, "kind '%s': nobody is charged for what serves its sources: in a user namespace only with /sys/module/%s/parameters/user_namespaces",
				    kind->name, module_name(kind->owner));
	for (i = 0; i < kind->n_params; i++)
		params.value[i] = kind->params[i].def;
	ret = params_parse(&params, text, err);
	if (ret)
		return ret;
	err->text[0] = 0;
	src = kind->create(net, name, params.value, err) ?: ERR_PTR(-EINVAL);
	if (IS_ERR(src)) {
		ret = PTR_ERR(src);
		if (err->text[0])
			return ret;
		if (ret == -EEXIST)
			return statchan_err(err, ret, "a source '%s' exists already in this network namespace",
					    name);
		return statchan_err(err, ret, "source '%s' of kind %s can't be made: error %d",
				    name, kind->name, -ret);
	}
	mutex_lock(&kind_params_lock);
	memcpy(src->params, params.value, sizeof(src->params));
	src->kind = kind;
	mutex_unlock(&kind_params_lock);
	list_add_tail(&src->made, &made);
	*id = src->id;
	if (!params.rate)
		return 0;
	kref_get(&src->ref);
	mutex_lock(&src->lock);
	ret = statchan_source_set_rate(src, params.rate, err);
	mutex_unlock(&src->lock);
	if (ret)
		kind_destroy(src);
	statchan_source_put(src);
	return ret;
}

/* @may_wait: for a module that is to be loaded, see statchan_kind_set_source() */
int statchan_kind_add_source(struct net *net, const char *kind_name,
			     const char *name, const char *text, bool may_wait,
			     u32 *id, struct statchan_err *err)
{
	const struct statchan_kind *kind;
	struct statchan_source *src;
	int ret;

	mutex_lock(&statchan_kinds_lock);
	/* the last one of that name may be on its way out */
	while ((src = kind_ending(net, name))) {
		kind_destroy(src);
		statchan_source_put(src);
	}
	kind = kind_find(kind_name);
	if (!kind && may_wait) {
		/*
		 * As rtnl does for link kinds; the module registers itself. It
		 * must not register a generic netlink family: our caller may
		 * hold that lock.
		 */
		mutex_unlock(&statchan_kinds_lock);
		request_module("statchan-kind-%s", kind_name);
		mutex_lock(&statchan_kinds_lock);
		kind = kind_find(kind_name);
	}
	if (!kind) {
		ret = statchan_err(err, -EOPNOTSUPP, "no kind '%.31s' of source: is the module statchan_%.31s loaded?",
				   kind_name, kind_name);
	} else if (!try_module_get(kind->owner)) {
		ret = statchan_err(err, -EOPNOTSUPP, "kind %s is being unloaded",
				   kind->name);
	} else {
		ret = kind_create(net, kind, name, text, id, err);
		module_put(kind->owner);
	}
	mutex_unlock(&statchan_kinds_lock);
	return ret;
}

int statchan_kind_del_source(struct net *net, const char *name,
			     struct statchan_err *err)
{
	struct statchan_source *src;
	int ret = 0;

	mutex_lock(&statchan_kinds_lock);
	src = statchan_source_find(net, 0, name, err);
	if (IS_ERR(src)) {
		ret = PTR_ERR(src);
	} else {
		if (src->ending)
			ret = statchan_err(err, -ENODEV, "source '%s' is being deleted already",
					   name);
		else if (src->kind)
			kind_destroy(src);
		else
			ret = statchan_err(err, -EPERM, "source '%s' belongs to a driver: unload the driver to remove it",
					   name);
		statchan_source_put(src);
	}
	mutex_unlock(&statchan_kinds_lock);
	return ret;
}

/* src->set_lock held */
static int kind_apply(struct statchan_source *src, const struct params *params,
		      struct statchan_err *err)
{
	int ret = 0;
	u32 i;

	if (params->rate) {
		mutex_lock(&src->lock);
		ret = statchan_source_set_rate(src, params->rate, err);
		mutex_unlock(&src->lock);
	}
	for (i = 0; !ret && params->kind && i < params->kind->n_params; i++) {
		if (!(params->given & BIT(i)))
			continue;
		ret = statchan_driver_said(src, "set",
					   params->kind->set(src->priv, i,
							     params->value[i],
							     err));
		if (ret)
			break;
		mutex_lock(&kind_params_lock);
		src->params[i] = params->value[i];
		mutex_unlock(&kind_params_lock);
	}
	return ret;
}

static int kind_set(struct statchan_source *src,
		    const struct statchan_kind *kind, const char *text,
		    bool may_wait, struct statchan_err *err)
{
	struct params params = {
		.kind = kind, .runtime = true, .may_wait = may_wait,
	};
	int ret;

	ret = params_parse(&params, text, err);
	if (!ret && !params.given && !params.rate)
		ret = statchan_err(err, -EINVAL, "nothing to set on source '%s': give key=value",
				   src->name);
	if (ret)
		return ret;
	/* what is set just now may take seconds, whatever this one would */
	if (!may_wait && !mutex_trylock(&src->set_lock))
		return statchan_err(err, -EBUSY, "somebody else sets source '%s': try again, or over the device, which waits",
				    src->name);
	if (may_wait && mutex_lock_killable(&src->set_lock))
		return statchan_err(err, -EINTR, "killed while somebody else set source '%s'",
				    src->name);
	if (src->unmade)
		ret = statchan_err(err, -ENODEV, "source '%s' is gone", src->name);
	else
		ret = kind_apply(src, &params, err);
	mutex_unlock(&src->set_lock);
	return ret;
}

/*
 * A set may take long: it is in the way of the same source's only, and of what the
 * caller holds. @may_wait: that matters to nobody else, or he has the right.
 */
int statchan_kind_set_source(struct net *net, const char *name,
			     const char *text, bool may_wait,
			     struct statchan_err *err)
{
	const struct statchan_kind *kind;
	struct statchan_source *src;
	int ret;

	mutex_lock(&statchan_kinds_lock);
	src = statchan_source_find(net, 0, name, err);
	if (IS_ERR(src)) {
		mutex_unlock(&statchan_kinds_lock);
		return PTR_ERR(src);
	}
	kind = src->kind;
	/* its parameters and set() stay until then */
	if (src->ending || (kind && !try_module_get(kind->owner)))
		ret = statchan_err(err, -ENODEV, "source '%s' is gone", name);
	else
		ret = 0;
	mutex_unlock(&statchan_kinds_lock);
	if (!ret) {
		ret = kind_set(src, kind, text, may_wait, err);
		if (kind)
			module_put(kind->owner);
	}
	statchan_source_put(src);
	return ret;
}
