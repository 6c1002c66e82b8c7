// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/pmg-spf-worker/Evaluator.h"

#include "appliance/policy/spf/record/Record.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/types.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <optional>

extern "C" {
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
}

namespace portcullis::policy::spf {

namespace {

using wire::Reply;
using wire::Task;

struct Closer {
    void operator()(SPF_server_t *server) const { SPF_server_free(server); }
    void operator()(SPF_request_t *request) const { SPF_request_free(request); }
    void operator()(SPF_response_t *response) const { SPF_response_free(response); }
    void operator()(SPF_record_t *record) const { SPF_record_free(record); }
    void operator()(char *text) const { std::free(text); }
};
template<typename T>
using Owned = std::unique_ptr<T, Closer>;

/// A string that libspf2 will free.
char *copied(std::string text)
{
    // It would end a C string early, and so make another name of it.
    std::replace(text.begin(), text.end(), '\0', '\1');
    char *copy = ::strdup(text.c_str());
    if (copy == nullptr) {
        throw std::bad_alloc();
    }
    return copy;
}

bool sameName(const std::string &known, std::string_view asked)
{
    if (!asked.empty() && asked.back() == '.') {
        asked.remove_suffix(1);
    }
    return known.size() == asked.size()
           && ::strncasecmp(known.data(), asked.data(), asked.size()) == 0;
}

std::optional<wire::Query> queryOf(ns_type type)
{
    switch (type) {
    case ns_t_a:
        return wire::Query::A;
    case ns_t_aaaa:
        return wire::Query::Aaaa;
    case ns_t_mx:
        return wire::Query::Mx;
    case ns_t_ptr:
        return wire::Query::Ptr;
    default:
        return std::nullopt;
    }
}

/// Splits at the delimiters, reverses and keeps the right-hand parts (RFC 7208 §7.3).
std::string transformed(const std::string &value, const MacroPiece &piece)
{
    const std::string delimiters = piece.delimiters.empty() ? "." : piece.delimiters;
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (;;) {
        const auto end = std::min(value.find_first_of(delimiters, start), value.size());
        parts.push_back(value.substr(start, end - start));
        if (end == value.size()) {
            break;
        }
        start = end + 1;
    }
    if (piece.isReversed) {
        std::reverse(parts.begin(), parts.end());
    }
    const auto kept = static_cast<std::size_t>(piece.parts);
    const std::size_t first = kept > 0 && kept < parts.size() ? parts.size() - kept : 0;
    std::string joined = parts[first];
    for (std::size_t i = first + 1; i < parts.size(); ++i) {
        joined += '.' + parts[i];
    }
    return joined;
}

std::string mechanismText(const Task &task)
{
    const bool isIp4 = task.client.size() == 4;
    std::string prefix;
    // Full length is the default, and libspf2 knows no length 0; see lookup().
    if (task.prefix > 0 && task.prefix < task.client.size() * 8) {
        prefix = (isIp4 ? "/" : "//") + std::to_string(task.prefix);
    }
    switch (task.kind) {
    case Task::Kind::MatchA:
        return "+a" + prefix;
    case Task::Kind::MatchMx:
        return "+mx" + prefix;
    case Task::Kind::MatchPtr:
        return "+ptr";
    default:
        return "+exists:%{d}";
    }
}

}  // namespace

class Evaluator::Private
{
public:
    Private();
    Reply run(const Task &task);

private:
    static SPF_dns_rr_t *lookup(SPF_dns_server_t *layer, const char *name, ns_type type, int);
    SPF_dns_rr_t *answer(const char *name, ns_type type);
    void fill(SPF_dns_rr_t &target, const wire::Known &known) const;

    Owned<SPF_request_t> requestFor(const Task &task);
    SPF_record_t *compiled(const std::string &terms);
    Reply match(const Task &task);
    Reply expand(const Task &task, MacroUse use);
    std::string valueOf(char letter, SPF_request_t *request);

    SPF_dns_server_t m_layer{};
    Owned<SPF_server_t> m_server;
    std::map<std::string, Owned<SPF_record_t>> m_records;  ///< Few: fixed texts of ours.
    const Task *m_task = nullptr;
    std::optional<Reply> m_need;  ///< The first query whose answer is not known.
};

Evaluator::Private::Private()
{
    m_layer.destroy = nullptr;
    m_layer.lookup = &Private::lookup;
    m_layer.name = "portcullis";
    m_layer.hook = this;
    m_server.reset(SPF_server_new_dns(&m_layer, 0));
    if (!m_server) {
        throw std::bad_alloc();
    }
    // libspf2 would expand its own explanation, with macros, for whatever does not match.
    SPF_response_t *response = nullptr;
    SPF_server_set_explanation(m_server.get(), "-", &response);
    SPF_response_free(response);
}

SPF_dns_rr_t *Evaluator::Private::lookup(SPF_dns_server_t *layer,
                                         const char *name,
                                         ns_type type,
                                         int /*shouldCache*/)
{
    return static_cast<Private *>(layer->hook)->answer(name, type);
}

SPF_dns_rr_t *Evaluator::Private::answer(const char *name, ns_type type)
{
    const auto query = queryOf(type);
    const auto &known = m_task->known;
    const auto found = std::find_if(known.begin(), known.end(), [&](const wire::Known &one) {
        return query && one.query == *query && sameName(one.name, name);
    });
    if (found == known.end()) {
        if (query && !m_need) {
            m_need = Reply{Reply::Kind::Needs, *query, name};
        }
        return SPF_dns_rr_new_init(&m_layer, name, type, 0, TRY_AGAIN);
    }
    SPF_dns_rr_t *made = SPF_dns_rr_new_init(
        &m_layer, name, type, 0, found->records.empty() ? HOST_NOT_FOUND : NETDB_SUCCESS);
    if (made != nullptr) {
        fill(*made, *found);
    }
    return made;
}

void Evaluator::Private::fill(SPF_dns_rr_t &target, const wire::Known &known) const
{
    const bool isAddress = known.query == wire::Query::A || known.query == wire::Query::Aaaa;
    const bool isA = known.query == wire::Query::A;
    for (const std::string &record : known.records) {
        const std::string *value = &record;
        if (isAddress) {
            // A prefix of no bits: any address at all is the client's.
            const bool isMatch = m_task->kind == Task::Kind::MatchA
                                 || m_task->kind == Task::Kind::MatchMx;
            if (isMatch && m_task->prefix == 0) {
                value = &m_task->client;
            }
            if (value->size() != (isA ? sizeof(in_addr) : sizeof(in6_addr))) {
                continue;
            }
        }
        const std::size_t size = value->size() + 1;
        if (SPF_dns_rr_buf_realloc(&target, target.num_rr, size) != SPF_E_SUCCESS) {
            return;
        }
        std::memcpy(target.rr[target.num_rr], value->c_str(), isAddress ? size - 1 : size);
        ++target.num_rr;
    }
}

Owned<SPF_request_t> Evaluator::Private::requestFor(const Task &task)
{
    Owned<SPF_request_t> request(SPF_request_new(m_server.get()));
    if (!request) {
        throw std::bad_alloc();
    }
    // Straight into the public structure: the setters would take the address apart again, by rules
    // of their own.
    request->env_from = copied(task.local + '@' + task.senderDomain);
    request->env_from_lp = copied(task.local);
    request->env_from_dp = copied(task.senderDomain);
    request->helo_dom = copied(task.helo);
    if (task.client.size() == sizeof(in_addr)) {
        request->client_ver = AF_INET;
        std::memcpy(&request->ipv4, task.client.data(), sizeof(in_addr));
    } else {
        request->client_ver = AF_INET6;
        std::memcpy(&request->ipv6, task.client.data(), sizeof(in6_addr));
    }
    SPF_server_set_rec_dom(m_server.get(), task.receiver.c_str());
    return request;
}

SPF_record_t *Evaluator::Private::compiled(const std::string &terms)
{
    Owned<SPF_record_t> &record = m_records[terms];
    if (!record) {
        const Owned<SPF_response_t> response(SPF_response_new(nullptr));
        SPF_record_t *made = nullptr;
        if (SPF_record_compile(m_server.get(), response.get(), &made, ("v=spf1 " + terms).c_str())
            != SPF_E_SUCCESS) {
            SPF_record_free(made);
            return nullptr;
        }
        record.reset(made);
    }
    return record.get();
}

Reply Evaluator::Private::match(const Task &task)
{
    SPF_record_t *record = compiled(mechanismText(task));
    if (record == nullptr) {
        return {Reply::Kind::Failed, {}, "cannot compile the mechanism"};
    }
    const auto request = requestFor(task);
    request->cur_dom = task.text.c_str();  // the target of a mechanism without one
    const Owned<SPF_response_t> response(SPF_response_new(request.get()));
    response->spf_record_exp = record;
    SPF_record_interpret(record, request.get(), response.get(), 0);
    request->cur_dom = nullptr;
    switch (SPF_response_result(response.get())) {
    case SPF_RESULT_PASS:
        return {Reply::Kind::Matches, {}, {}};
    case SPF_RESULT_NEUTRAL:
    case SPF_RESULT_NONE:
        return {Reply::Kind::MatchesNot, {}, {}};
    default:
        return {Reply::Kind::Failed, {}, SPF_strerror(SPF_response_errcode(response.get()))};
    }
}

std::string Evaluator::Private::valueOf(char letter, SPF_request_t *request)
{
    SPF_record_t *record = compiled(std::string("m=%{") + letter + '}');
    if (record == nullptr) {
        return {};
    }
    const Owned<SPF_response_t> response(SPF_response_new(request));
    char *buffer = nullptr;
    std::size_t size = 0;
    const SPF_errcode_t error = SPF_record_find_mod_value(m_server.get(), request, response.get(),
                                                          record, "m", &buffer, &size);
    const Owned<char> owned(buffer);
    std::string value = error == SPF_E_SUCCESS && owned ? owned.get() : "";
    if (letter == 'i') {
        // The public test suite wants nibbles as upper case; DNS does not mind.
        std::transform(value.begin(), value.end(), value.begin(),
                       [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    }
    return value;
}

Reply Evaluator::Private::expand(const Task &task, MacroUse use)
{
    const auto pieces = splitMacros(task.text, use);
    if (!pieces) {
        return {Reply::Kind::Failed, {}, "wrong macro syntax"};
    }
    const auto request = requestFor(task);
    request->cur_dom = task.domain.c_str();
    std::string expanded;
    for (const MacroPiece &piece : *pieces) {
        if (piece.letter == 0) {
            expanded += piece.literal;
        } else {
            const std::string value = transformed(valueOf(piece.letter, request.get()), piece);
            expanded += piece.isEscaped ? urlEscaped(value) : value;
        }
        if (expanded.size() > wire::maxExpansion) {
            request->cur_dom = nullptr;
            return {Reply::Kind::Failed, {}, "the macros expand to too much"};
        }
    }
    request->cur_dom = nullptr;
    return {Reply::Kind::Expanded, {}, expanded};
}

Reply Evaluator::Private::run(const Task &task)
{
    m_task = &task;
    m_need.reset();
    Reply reply;
    switch (task.kind) {
    case Task::Kind::ExpandDomain:
        reply = expand(task, MacroUse::Domain);
        break;
    case Task::Kind::ExpandExplanation:
        reply = expand(task, MacroUse::Explanation);
        break;
    default:
        reply = match(task);
        break;
    }
    m_task = nullptr;
    // Whatever came out without an answer is void.
    return m_need ? *m_need : reply;
}

Evaluator::Evaluator()
    : d(std::make_unique<Private>())
{
}

Evaluator::~Evaluator() = default;

Reply Evaluator::run(const Task &task)
{
    return d->run(task);
}

}  // namespace portcullis::policy::spf
