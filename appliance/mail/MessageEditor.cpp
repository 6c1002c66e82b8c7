// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mail/MessageEditor.h"

#include "appliance/mail/Charset.h"
#include "appliance/mail/MessageBuilder.h"
#include "appliance/mail/TextInsertion.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace portcullis::mail {

/// Octets of the original that are replaced. Splices do not overlap, except that one may lie within
/// a larger one and is dropped then.
struct MessageEditor::Splice {
    qsizetype begin = 0;
    qsizetype end = 0;
    QByteArray bytes;
};

struct MessageEditor::Data {
    struct AddedField {
        QByteArray name;  // lower case
        QByteArray bytes;
        bool isInPlace = false;  // where the first field of that name was
    };

    explicit Data(Message original)
        : message(std::move(original))
    {
    }

    Message message;
    std::vector<Splice> splices;
    std::set<QByteArray> removedFields;  // lower case
    std::vector<AddedField> prepended;   // the last one stands first
    std::vector<AddedField> added;
    std::set<int> removedParts;
    std::map<int, std::vector<Splice>> textEdits;  // by part; places count in its decoded octets
    std::vector<Replacement> appendedNotes;
    // Notes that take the place of the message's whole content; see replaceRoot().
    std::map<int, std::vector<Replacement>> rootNotes;

    const Part &part(int id) const { return *message.part(id); }
    bool isRemoved(int id) const;
    int resolve(int id) const;
    bool isMessageRoot(const Part &part) const;
    void replaceRange(const Part &part, const Replacement &note);
    void cutEmbedded(const Part &file, const Replacement &note);
    void textSplices(std::vector<Splice> &out) const;
    bool willWrapRoot() const;
    DisclaimerOutcome addDisclaimer(const Disclaimer &disclaimer, const Part &part);
    void headerSplices(std::vector<Splice> &out) const;
    void replaceRoot(const Part &root,
                     const std::vector<Replacement> &notes,
                     std::vector<Splice> &out) const;
    void appendNotes(std::vector<Splice> &out) const;
    void wrapRoot(std::vector<Splice> &out) const;
};

namespace {

bool isFieldName(QByteArrayView name)
{
    return !name.isEmpty() && name.size() <= 76
           && std::all_of(name.begin(), name.end(),
                          [](char c) { return c > ' ' && c <= '~' && c != ':'; });
}

bool hasTags(const QString &text)
{
    const qsizetype open = text.indexOf(u'<');
    return open >= 0 && open + 1 < text.size() && text.indexOf(u'>', open) > 0
           && (text[open + 1].isLetter() || text[open + 1] == u'/' || text[open + 1] == u'!');
}

QByteArray notePart(const Replacement &note, int id)
{
    const bool isHtml = hasTags(note.text);
    const QString fileName = note.fileName.isEmpty()
                                 ? QStringLiteral("REMOVED_ATTACHMENT_%1.%2")
                                       .arg(id)
                                       .arg(isHtml ? QStringLiteral("html") : QStringLiteral("txt"))
                                 : note.fileName;
    const WrittenPart part = textPart(note.text, isHtml ? "text/html" : "text/plain", fileName);
    return part.header + "\r\n" + part.body;
}

bool isContentField(const HeaderField &field)
{
    return field.name().size() > 8
           && field.name().first(8).compare("content-", Qt::CaseInsensitive) == 0;
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

void MessageEditor::Data::headerSplices(std::vector<Splice> &out) const
{
    const Part &root = message.root();
    const qsizetype top = root.fields.empty() ? root.header.begin
                                              : root.fields.front().span().begin;
    QByteArray above;
    for (auto field = prepended.rbegin(); field != prepended.rend(); ++field) {
        above += field->bytes;
    }
    std::set<QByteArray> placed;
    for (const HeaderField &field : root.fields) {
        const QByteArray key = field.name().toByteArray().toLower();
        if (!removedFields.contains(key)) {
            continue;
        }
        QByteArray bytes;
        if (placed.insert(key).second) {
            for (const AddedField &addition : added) {
                bytes += addition.name == key ? addition.bytes : QByteArray();
            }
        }
        out.push_back({field.span().begin, field.span().end, bytes});
    }
    QByteArray below;
    for (const AddedField &addition : added) {
        below += placed.contains(addition.name) ? QByteArray() : addition.bytes;
    }
    const QByteArrayView header = root.header.of(message.content().view());
    if (!below.isEmpty() && !header.isEmpty() && !header.endsWith('\n')) {
        below.prepend("\r\n");
    }
    // Without an empty line the body would become header.
    if (root.body.begin == root.header.end && !root.body.isEmpty() && !rootNotes.contains(root.id)
        && !willWrapRoot() && !(above.isEmpty() && below.isEmpty())) {
        below += "\r\n";
    }
    if (!above.isEmpty()) {
        out.push_back({top, top, above});
    }
    if (!below.isEmpty()) {
        out.push_back({root.header.end, root.header.end, below});
    }
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
    QByteArray bytes = notePart(note, part.id);
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
    if (part->kind == PartKind::Hidden && part->source == 0) {
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

// Edits of texts: spliced in where the text is unencoded and stays so, otherwise the part's body is
// encoded again as it was.
void MessageEditor::Data::textSplices(std::vector<Splice> &out) const
{
    for (const auto &[id, unsorted] : textEdits) {
        const Part &text = part(id);
        std::vector<Splice> edits = unsorted;
        std::stable_sort(edits.begin(), edits.end(),
                         [](const Splice &a, const Splice &b) { return a.begin < b.begin; });
        QByteArray additions;
        for (const Splice &edit : edits) {
            additions += edit.bytes;
        }
        const bool isIdentity = transferEncoding(text.transferEncoding)
                                == TransferEncoding::Identity;
        // A part may end with its header; what is added must not become header.
        const bool hasEmptyLine = text.body.begin > text.header.end;
        if (!hasEmptyLine) {
            out.push_back({text.header.end, text.header.end, "\r\n"});
        }
        if (isIdentity && encodeAsBefore(text, additions).transferEncoding.isEmpty()) {
            for (const Splice &edit : edits) {
                out.push_back(
                    {text.body.begin + edit.begin, text.body.begin + edit.end, edit.bytes});
            }
            continue;
        }
        const QByteArrayView decoded = message.decoded(text);
        QByteArray changed;
        qsizetype at = 0;
        for (const Splice &edit : edits) {
            // Without budget for decoding, decoded() is shorter or longer than what was edited.
            const qsizetype begin = std::clamp(edit.begin, at, decoded.size());
            changed += decoded.sliced(at, begin - at);
            changed += edit.bytes;
            at = std::clamp(edit.end, begin, decoded.size());
        }
        changed += decoded.sliced(at);
        EncodedText encoded = encodeAsBefore(text, changed);
        out.push_back({text.body.begin, text.body.end, std::move(encoded.body)});
        if (encoded.transferEncoding.isEmpty()) {
            continue;
        }
        const QByteArray field = writeStructuredField("Content-Transfer-Encoding",
                                                      encoded.transferEncoding);
        if (const HeaderField *old = text.field("Content-Transfer-Encoding"); old != nullptr) {
            out.push_back({old->span().begin, old->span().end, field});
        } else {
            out.insert(out.begin(), {text.header.end, text.header.end, field});
        }
    }
}

// ---- disclaimer ----------------------------------------------------------------------------------

DisclaimerOutcome MessageEditor::addDisclaimer(const Disclaimer &disclaimer)
{
    return m_data->addDisclaimer(disclaimer, m_data->message.root());
}

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

// The whole message, or an embedded one, becomes multipart/mixed holding the notes; its header stays
// but for the fields that describe the content.
void MessageEditor::Data::replaceRoot(const Part &root,
                                      const std::vector<Replacement> &notes,
                                      std::vector<Splice> &out) const
{
    const QByteArray boundary = makeBoundary();
    for (const HeaderField &field : root.fields) {
        if (isContentField(field)) {
            out.push_back({field.span().begin, field.span().end, {}});
        }
    }
    QByteArray bytes;
    if (!root.header.isEmpty() && !root.header.of(message.content().view()).endsWith('\n')) {
        bytes += "\r\n";
    }
    bytes += root.field("MIME-Version") == nullptr ? "MIME-Version: 1.0\r\n" : "";
    bytes += "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n";
    for (const Replacement &note : notes) {
        bytes += "\r\n--" + boundary + "\r\n" + notePart(note, root.id);
    }
    bytes += "\r\n--" + boundary + "--\r\n";
    out.push_back({root.header.end, root.body.end, bytes});
}

bool MessageEditor::Data::willWrapRoot() const
{
    const Part &root = message.root();
    const std::vector<int> ids = message.children(root.id);
    const bool hasParts = std::any_of(ids.begin(), ids.end(),
                                      [this](int id) { return part(id).view == 0; });
    return !appendedNotes.empty() && !rootNotes.contains(root.id)
           && (root.kind != PartKind::Multipart || root.declaredType != "multipart/mixed"
               || !hasParts);
}

void MessageEditor::Data::appendNotes(std::vector<Splice> &out) const
{
    if (willWrapRoot()) {
        wrapRoot(out);
        return;
    }
    const Part &root = message.root();
    qsizetype end = root.body.begin;
    for (const int id : message.children(root.id)) {
        end = part(id).view == 0 ? part(id).body.end : end;
    }
    QByteArray bytes;
    int number = static_cast<int>(message.parts().size());
    for (const Replacement &note : appendedNotes) {
        bytes += "\r\n--" + root.boundary + "\r\n" + notePart(note, ++number);
    }
    out.push_back({end, end, bytes});
}

// The message's content becomes the first part of a new multipart/mixed, the notes the others.
void MessageEditor::Data::wrapRoot(std::vector<Splice> &out) const
{
    const Part &root = message.root();
    const QByteArrayView bytes = message.content().view();
    const QByteArray boundary = makeBoundary();
    QByteArray contentFields;
    for (const HeaderField &field : root.fields) {
        if (isContentField(field)) {
            contentFields += field.span().of(bytes);
            contentFields += contentFields.endsWith('\n') ? "" : "\r\n";
            out.push_back({field.span().begin, field.span().end, {}});
        }
    }
    QByteArray before;
    if (!root.header.isEmpty() && !root.header.of(bytes).endsWith('\n')) {
        before += "\r\n";
    }
    before += root.field("MIME-Version") == nullptr ? "MIME-Version: 1.0\r\n" : "";
    before += "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n";
    before += "\r\n--" + boundary + "\r\n" + contentFields + "\r\n";
    QByteArray after;
    int number = static_cast<int>(message.parts().size());
    for (const Replacement &note : appendedNotes) {
        after += "\r\n--" + boundary + "\r\n" + notePart(note, ++number);
    }
    after += "\r\n--" + boundary + "--\r\n";
    out.push_back({root.header.end, root.body.begin, before});
    out.push_back({root.body.end, root.body.end, after});
}

bool MessageEditor::isModified() const
{
    const Data &data = *m_data;
    if (!data.splices.empty() || !data.textEdits.empty() || !data.added.empty()
        || !data.prepended.empty() || !data.appendedNotes.empty() || !data.rootNotes.empty()) {
        return true;
    }
    return std::any_of(data.message.fields().begin(), data.message.fields().end(),
                       [&data](const HeaderField &field) {
                           return data.removedFields.contains(field.name().toByteArray().toLower());
                       });
}

Content MessageEditor::result() const
{
    if (!isModified()) {
        return m_data->message.content();
    }
    std::vector<Splice> splices = m_data->splices;
    m_data->headerSplices(splices);
    m_data->textSplices(splices);
    for (const auto &[id, notes] : m_data->rootNotes) {
        std::vector<Replacement> all = notes;
        if (id == 1) {
            all.insert(all.end(), m_data->appendedNotes.begin(), m_data->appendedNotes.end());
        }
        m_data->replaceRoot(m_data->part(id), all, splices);
    }
    if (!m_data->appendedNotes.empty() && !m_data->rootNotes.contains(1)) {
        m_data->appendNotes(splices);
    }
    // Of two that begin at one place the insertion comes first, then the larger.
    std::stable_sort(splices.begin(), splices.end(), [](const Splice &a, const Splice &b) {
        const bool isInsertionA = a.begin == a.end;
        const bool isInsertionB = b.begin == b.end;
        return std::tuple(a.begin, !isInsertionA, -a.end)
               < std::tuple(b.begin, !isInsertionB, -b.end);
    });
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
