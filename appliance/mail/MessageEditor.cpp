// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/MessageEditor.h"

#include "appliance/mail/Charset.h"
#include "appliance/mail/EditPlan.h"
#include "appliance/mail/MessageBuilder.h"
#include "appliance/mail/TextInsertion.h"

#include <algorithm>
#include <memory>

namespace portcullis::mail {

namespace {

bool isFieldName(QByteArrayView name)
{
    return !name.isEmpty() && name.size() <= 76
           && std::all_of(name.begin(), name.end(),
                          [](char c) { return c > ' ' && c <= '~' && c != ':'; });
}

bool isProtectedMultipart(const QByteArray &type)
{
    return type == "multipart/signed" || type == "multipart/encrypted";
}

bool isInlineProtected(QByteArrayView text)
{
    return text.contains("-----BEGIN PGP MESSAGE-----")
           || text.contains("-----BEGIN PGP SIGNED MESSAGE-----");
}

bool isBodyText(const Part &part)
{
    return part.kind == PartKind::Leaf && part.disposition != Disposition::Attachment
           && (part.declaredType == "text/plain" || part.declaredType == "text/html");
}

}  // namespace

MessageEditor::MessageEditor(Message message)
    : m_data(std::make_shared<Data>(std::move(message)))
{
}

// ---- header --------------------------------------------------------------------------------------

void MessageEditor::removeHeader(QByteArrayView name)
{
    const QByteArray key = name.toByteArray().toLower();
    m_data->removedFields.insert(key);
    const auto isNamed = [&key](const Data::AddedField &field) { return field.name == key; };
    std::erase_if(m_data->added, isNamed);
    std::erase_if(m_data->prepended, isNamed);
}

void MessageEditor::removeField(const HeaderField &field)
{
    m_data->removedPlaces.insert(field.span().begin);
}

Status MessageEditor::setHeader(QByteArrayView name, const QString &value)
{
    if (!isFieldName(name)) {
        return Error::permanent("mail.header", QStringLiteral("not a header field name: ")
                                                   + QString::fromLatin1(name.first(
                                                       std::min<qsizetype>(name.size(), 80))));
    }
    removeHeader(name);
    m_data->added.push_back({name.toByteArray().toLower(), writeField(name, value), true});
    return ok();
}

Status MessageEditor::prependHeader(QByteArrayView name, const QString &value)
{
    if (!isFieldName(name)) {
        return Error::permanent("mail.header", QStringLiteral("not a header field name"));
    }
    m_data->prepended.push_back({name.toByteArray().toLower(), writeField(name, value), false});
    return ok();
}

void MessageEditor::removeReceived()
{
    removeHeader("Received");
}

// ---- parts ---------------------------------------------------------------------------------------

bool MessageEditor::Data::isRemoved(int id) const
{
    for (const Part *at = message.part(id); at != nullptr; at = message.part(at->parent)) {
        if (removedParts.contains(at->id)) {
            return true;
        }
    }
    return false;
}

// The part of view 0 in the message's own octets that holds this one: the innermost that covers it.
int MessageEditor::Data::resolve(int id) const
{
    const Part *at = message.part(id);
    while (at != nullptr && at->source != 0) {
        at = message.part(at->parent);
    }
    if (at == nullptr || at->view == 0) {
        return at == nullptr ? 1 : at->id;
    }
    const Span wanted{at->header.begin, at->body.end};
    int innermost = 1;
    for (const Part &part : message.parts()) {
        if (part.view == 0 && part.source == 0
            && Span{part.header.begin, part.body.end}.contains(wanted)) {
            innermost = part.id;
        }
    }
    return innermost;
}

bool MessageEditor::Data::isMessageRoot(const Part &part) const
{
    const Part *parent = message.part(part.parent);
    return parent == nullptr || parent->kind == PartKind::Message;
}

void MessageEditor::Data::replaceRange(const Part &part, const Replacement &note)
{
    QByteArray bytes = writeNote(note, part.id);
    splices.push_back({part.header.begin, part.body.end, std::move(bytes)});
}

void MessageEditor::replacePart(int id, const Replacement &note)
{
    if (m_data->message.part(id) == nullptr) {
        return;
    }
    const Part *part = m_data->message.part(id);
    if (m_data->isRemoved(id)) {
        return;
    }
    if (part->kind == PartKind::Embedded && part->view == 0
        && m_data->part(part->parent).source == 0) {
        m_data->removedParts.insert(id);
        m_data->cutEmbedded(*part, note);
        return;
    }
    // In another view the octets may be header or text of view 0, and cannot simply go.
    if (part->kind == PartKind::Hidden && part->source == 0
        && m_data->part(part->parent).view == 0) {
        m_data->removedParts.insert(id);
        m_data->splices.push_back({part->body.begin, part->body.end, "\r\n"});
        appendNote(note);
        return;
    }
    const int target = m_data->resolve(id);
    part = m_data->message.part(target);
    if (m_data->isRemoved(target)) {
        return;
    }
    m_data->removedParts.insert(target);
    if (m_data->isMessageRoot(*part)) {
        m_data->rootNotes[target].push_back(note);
    } else {
        m_data->replaceRange(*part, note);
    }
}

void MessageEditor::removePart(int id)
{
    const int target = m_data->resolve(id);
    const Part &part = m_data->part(target);
    const Part *parent = m_data->message.part(part.parent);
    if (m_data->isRemoved(target)) {
        return;
    }
    std::vector<int> siblings;
    if (parent != nullptr && parent->kind == PartKind::Multipart) {
        for (const int sibling : m_data->message.children(parent->id)) {
            if (m_data->part(sibling).view == 0 && !m_data->removedParts.contains(sibling)) {
                siblings.push_back(sibling);
            }
        }
    }
    if (siblings.size() < 2) {
        // RFC 2046 §5.1.1: a multipart holds at least one part.
        replacePart(target, {QString(), QStringLiteral("empty.txt")});
        return;
    }
    const QByteArrayView bytes = m_data->message.content().view();
    const qsizetype begin = bytes.first(std::max<qsizetype>(0, part.header.begin - 1))
                                .lastIndexOf('\n');
    qsizetype end = part.body.end;
    end += bytes.sliced(end).startsWith("\r\n") ? 2 : bytes.sliced(end).startsWith('\n') ? 1 : 0;
    m_data->removedParts.insert(target);
    m_data->splices.push_back({begin + 1, end, {}});
}

void MessageEditor::appendNote(const Replacement &note)
{
    m_data->appendedNotes.push_back(note);
}

std::vector<int> MessageEditor::keepFirstBody(const NoteMaker &makeNote)
{
    const Message &message = m_data->message;
    std::set<int> kept;
    std::vector<int> removed;
    const auto hasAncestor = [&message](const Part &part, auto &&isWanted) {
        for (const Part *at = message.part(part.parent); at != nullptr;
             at = message.part(at->parent)) {
            if (isWanted(*at)) {
                return at;
            }
        }
        return static_cast<const Part *>(nullptr);
    };
    const auto isSealed = [](const Part &part) {
        return part.kind == PartKind::Message
               || (part.parent != 0 && part.disposition == Disposition::Attachment);
    };
    const Part *alternative = nullptr;
    for (const Part &part : message.parts()) {
        if (part.view != 0 || !isBodyText(part) || hasAncestor(part, isSealed) != nullptr) {
            continue;
        }
        const Part *around = hasAncestor(
            part, [](const Part &p) { return p.declaredType == "multipart/alternative"; });
        if (kept.empty()) {
            alternative = around;
            kept.insert(part.id);
        } else if (alternative != nullptr && around == alternative) {
            kept.insert(part.id);
        }
    }
    for (const Part &part : message.parts()) {
        const bool isUnit = part.kind == PartKind::Leaf || isSealed(part);
        const bool isInside = part.kind == PartKind::Embedded && kept.contains(part.parent);
        // Alternative readings of what stays cannot be taken out; what nobody should see can.
        const bool isWanted = part.view == 0 ? isUnit || isInside : part.kind == PartKind::Hidden;
        if (isWanted && !kept.contains(part.id) && !m_data->isRemoved(part.id)) {
            removed.push_back(part.id);
            replacePart(part.id, makeNote(part));
        }
    }
    return removed;
}

// Takes a file out of a text: its lines make way for the note.
void MessageEditor::Data::cutEmbedded(const Part &file, const Replacement &note)
{
    const Part &text = part(file.parent);
    // The span counts in the text's decoded octets, or in the message for an unencoded text.
    const qsizetype offset = file.source == text.source ? text.body.begin : 0;
    QString lines = (hasTags(note.text) ? plainTextOf(note.text) : note.text) + u'\n';
    lines.replace(QLatin1StringView("\r\n"), QLatin1StringView("\n"));
    lines.replace(u'\n', QLatin1StringView("\r\n"));
    // In a charset that lacks a character the note still says most of what it says.
    textEdits[text.id].push_back({file.body.begin - offset, file.body.end - offset,
                                  encodeCharset(lines, text.charset).value_or(lines.toLatin1())});
}

// ---- disclaimer ----------------------------------------------------------------------------------

DisclaimerOutcome MessageEditor::addDisclaimer(const Disclaimer &disclaimer)
{
    return m_data->addDisclaimer(disclaimer, m_data->message.root());
}

// NOLINTNEXTLINE(misc-no-recursion) depth bounded by MimeLimits::nesting
DisclaimerOutcome MessageEditor::Data::addDisclaimer(const Disclaimer &disclaimer, const Part &part)
{
    if (isProtectedMultipart(part.declaredType) || part.declaredType.contains("pkcs7-mime")) {
        return DisclaimerOutcome::Protected;
    }
    if (part.kind == PartKind::Multipart) {
        const bool isAlternative = part.declaredType == "multipart/alternative";
        DisclaimerOutcome outcome = DisclaimerOutcome::NoTextPart;
        for (const int id : message.children(part.id)) {
            if (this->part(id).view != 0) {
                continue;
            }
            const DisclaimerOutcome child = addDisclaimer(disclaimer, this->part(id));
            if (outcome != DisclaimerOutcome::Added && child != DisclaimerOutcome::NoTextPart) {
                outcome = child;
            }
            if (!isAlternative) {
                break;
            }
        }
        return outcome;
    }
    if (!isBodyText(part) || part.source != 0 || isRemoved(part.id)) {
        return DisclaimerOutcome::NoTextPart;
    }
    const QByteArrayView decoded = message.decoded(part);
    if (isInlineProtected(decoded)) {
        return DisclaimerOutcome::Protected;
    }
    const auto insertion = placeDisclaimer(disclaimer, part, decoded);
    if (!insertion) {
        return DisclaimerOutcome::NotRepresentable;
    }
    textEdits[part.id].push_back({insertion->position, insertion->position, insertion->bytes});
    return DisclaimerOutcome::Added;
}

// ---- result --------------------------------------------------------------------------------------

bool MessageEditor::isModified() const
{
    const Data &data = *m_data;
    if (!data.splices.empty() || !data.removedPlaces.empty() || !data.textEdits.empty()
        || !data.added.empty() || !data.prepended.empty() || !data.appendedNotes.empty()
        || !data.rootNotes.empty()) {
        return true;
    }
    return std::any_of(data.message.fields().begin(), data.message.fields().end(),
                       [&data](const HeaderField &field) {
                           return data.removedFields.contains(field.name().toByteArray().toLower());
                       });
}

// NOLINTNEXTLINE(misc-no-recursion) one level: neither half has both edits
Content MessageEditor::result() const
{
    if (!isModified()) {
        return m_data->message.content();
    }
    if (m_data->willWrapRoot() && m_data->textEdits.contains(m_data->message.root().id)) {
        // The text moves into a part of its own, with fields that its edit may change: one by one.
        MessageEditor first(m_data->message);
        first.m_data = std::make_shared<Data>(*m_data);
        MessageEditor second(Message::parse({}));
        first.m_data->appendedNotes.swap(second.m_data->appendedNotes);
        second.m_data->message = Message::parse(first.result(), m_data->message.limits());
        return second.result();
    }
    const std::vector<Splice> splices = m_data->allSplices();
    const QByteArrayView bytes = m_data->message.content().view();
    std::vector<QByteArrayView> pieces;
    qsizetype at = 0;
    for (const Splice &splice : splices) {
        if (splice.begin < at) {
            continue;
        }
        pieces.push_back(bytes.sliced(at, splice.begin - at));
        pieces.emplace_back(splice.bytes);
        at = splice.end;
    }
    pieces.push_back(bytes.sliced(at));
    return Content::joined(pieces);
}

}  // namespace portcullis::mail
